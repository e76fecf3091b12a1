"""The pipeline that most people would write: one image after another, each step by the library that is known for it.

Pillow opens, converts and resizes; torch runs the network on a batch of one; scikit-image computes HOG and local
binary patterns; OpenCV finds SIFT keypoints on the whole picture and its brute-force matcher assigns them to words;
colour is a histogram and six moments. The blocks are those of the default settings: embedding, statistics of the
network's stages (by forward hooks), HOG, LBP, SIFT and colour. Nothing in it is slowed down: torch keeps all of its
threads and runs in inference mode, OpenCV keeps its own, models and codebook are made once and not timed.

FROZEN. It was written before the engine that is measured against it and is never changed: `throughput.py` holds its
SHA-256 and refuses to run with another.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from skimage.feature import hog, local_binary_pattern
from sklearn.cluster import KMeans

from ai_models.features.backbones import load_backbone

SIDE = 224
WORDS = 64


class NaivePipeline:
    """Describe image files one by one.

    Parameters
    ----------
    backbone
        Name of the network.
    """

    def __init__(self, backbone: str = "tf_efficientnet_lite0") -> None:
        loaded = load_backbone(backbone, image_size=SIDE)
        self.network = loaded.module
        self.mean = torch.tensor(loaded.mean).view(3, 1, 1)
        self.std = torch.tensor(loaded.std).view(3, 1, 1)
        self.maps: list[torch.Tensor] = []
        for stage in self.network.blocks:
            stage.register_forward_hook(lambda _module, _inputs, output: self.maps.append(output))
        self.sift = cv2.SIFT_create()
        self.matcher = cv2.BFMatcher(cv2.NORM_L2)
        self.codebook = np.zeros((WORDS, 128), dtype=np.float32)

    def fit_codebook(self, files: Sequence[Path]) -> None:
        """Learn the visual words from some images."""
        found = [self.sift.detectAndCompute(_grey(_read(file)), None)[1] for file in files]
        rows = np.concatenate([descriptors for descriptors in found if descriptors is not None])
        self.codebook = KMeans(WORDS, n_init=1, random_state=0).fit(rows[:20_000]).cluster_centers_.astype(np.float32)

    def describe(self, file: Path) -> np.ndarray:
        """Return the features of one image file: float32 (d,)."""
        image = _read(file)
        grey = _grey(image)
        return np.concatenate(
            [self._network(image), _hog(grey), _lbp(grey), self._words(grey), _colour(image)], dtype=np.float32
        )

    def _network(self, image: np.ndarray) -> np.ndarray:
        self.maps.clear()
        pixels = torch.from_numpy(image).permute(2, 0, 1).float() / 255
        with torch.inference_mode():
            embedding = self.network(((pixels - self.mean) / self.std).unsqueeze(0))[0]
            coarse = [maps for maps in self.maps if maps.shape[2] <= SIDE // 8]
            statistics = [part for maps in coarse for part in (maps.mean((0, 2, 3)), maps.std((0, 2, 3)))]
        return torch.cat([embedding, *statistics]).numpy()

    def _words(self, grey: np.ndarray) -> np.ndarray:
        descriptors = self.sift.detectAndCompute(grey, None)[1]
        if descriptors is None:
            return np.zeros(WORDS)
        words = [match.trainIdx for match in self.matcher.match(descriptors, self.codebook)]
        return np.bincount(words, minlength=WORDS) / len(words)


def _read(file: Path) -> np.ndarray:
    return np.array(Image.open(file).convert("RGB").resize((SIDE, SIDE)))


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def _hog(grey: np.ndarray) -> np.ndarray:
    return hog(grey, orientations=9, pixels_per_cell=(16, 16), cells_per_block=(2, 2), block_norm="L2-Hys")


def _lbp(grey: np.ndarray) -> np.ndarray:
    patterns = local_binary_pattern(grey, P=8, R=1, method="nri_uniform")
    cells = [cell for row in np.array_split(patterns, 4) for cell in np.array_split(row, 4, axis=1)]
    return np.concatenate([np.histogram(cell, bins=59, range=(0, 59), density=True)[0] for cell in (*cells, patterns)])


def _colour(image: np.ndarray) -> np.ndarray:
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    histogram = cv2.calcHist([hsv], [0, 1, 2], None, [8, 4, 8], [0, 180, 0, 256, 0, 256]).ravel()
    mean, deviation = cv2.meanStdDev(cv2.cvtColor(image, cv2.COLOR_RGB2LAB))
    return np.concatenate([histogram / histogram.sum(), mean.ravel(), deviation.ravel()])
