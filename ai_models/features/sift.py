"""Dense SIFT (Lowe, IJCV 2004) at two scales, encoded as VLAD with a codebook of the training rows."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.core.images import RGBImage, resize
from ai_models.features.base import BaseFeatureExtractor, Encoder
from ai_models.features.encoder import VladEncoder
from ai_models.features.registry import register

__all__ = ["SiftExtractor"]

# (side of the reduced image, step between points, size of a keypoint), in pixels. A larger scale comes from a
# smaller image, never from a larger keypoint: OpenCV's cost grows with the square of the size.
SCALES = ((112, 8, 4.0), (56, 7, 4.0))


@lru_cache(maxsize=4)
def _grid(side: int, step: int, size: float) -> tuple[cv2.KeyPoint, ...]:
    points = np.arange(step / 2, side, step)
    return tuple(cv2.KeyPoint(float(x), float(y), size, 0) for y in points for x in points)


@register
class SiftExtractor(BaseFeatureExtractor):
    """Local shape: 260 upright SIFT descriptors on fixed grids, whatever the image's size."""

    name = "sift"

    def extract_features(self, image: RGBImage) -> NDArray[np.uint8]:
        """Return uint8 (260, 128): 14 x 14 points of the finer scale, then 8 x 8 of the coarser, row by row."""
        sift = cv2.SIFT.create()
        found = []
        for side, step, size in SCALES:
            grey = cv2.cvtColor(resize(image, side), cv2.COLOR_RGB2GRAY)
            found.append(sift.compute(grey, _grid(side, step, size))[1])
        return np.concatenate(found).astype(np.uint8)

    def encoder(self, seed: int) -> Encoder:
        return VladEncoder(seed)

    def get_feature_names(self) -> list[str]:
        return VladEncoder(0).get_feature_names()
