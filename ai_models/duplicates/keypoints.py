"""Local features of an image: where it has corners and blobs, and what each looks like whichever way it is turned."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.core.images import RGBImage

__all__ = ["MOST", "Keypoints", "keypoints", "mirrored", "normalised", "working_grey"]

MOST = 300
"""Most keypoints kept of an image, the strongest."""
LONGEST = 320
"""Longer side in pixels at which an image is looked at; smaller ones are not enlarged."""
_CONTRAST = 0.02  # half of what Lowe proposed: worn relief and brushed metal have few strong corners
_CLIP, _TILES = 3.0, (8, 8)  # CLAHE, so that a dark exposure has the corners of a bright one

_GRID, _TURNS = range(4), range(8)
_MIRROR = np.array([((3 - row) * 4 + column) * 8 + -turn % 8 for row in _GRID for column in _GRID for turn in _TURNS])


@dataclass(frozen=True, slots=True)
class Keypoints:
    """The local features of one image.

    Attributes
    ----------
    size
        (width, height) of the working image in pixels.
    points
        float32 (m, 2), x and y in the working image, m at most `MOST`.
    descriptors
        uint8 (m, 128), SIFT.
    """

    size: tuple[int, int]
    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]


def working_grey(image: RGBImage) -> NDArray[np.uint8]:
    """Return the grey picture that local features are taken from, its longer side at most `LONGEST`."""
    height, width = image.shape[:2]
    scale = LONGEST / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def keypoints(grey: NDArray[np.uint8]) -> Keypoints:
    """Find the local features of a working image (Lowe, "Distinctive image features", 2004).

    Parameters
    ----------
    grey
        uint8 (h, w), as `working_grey` gives it.
    """
    height, width = grey.shape
    even = cv2.createCLAHE(_CLIP, _TILES).apply(np.ascontiguousarray(grey))
    found, described = cv2.SIFT.create(nfeatures=MOST, contrastThreshold=_CONTRAST).detectAndCompute(even, None)
    if described is None:
        return Keypoints((width, height), np.zeros((0, 2), np.float32), np.zeros((0, 128), np.uint8))
    points = np.array([point.pt for point in found], dtype=np.float32)
    strongest = np.argsort([-point.response for point in found], kind="stable")[:MOST]
    return Keypoints((width, height), points[strongest], described[strongest].astype(np.uint8))


def normalised(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return RootSIFT (Arandjelovic and Zisserman, 2012): float32 (m, 128) of unit length, compared by a product."""
    values = descriptors.astype(np.float32)
    return np.asarray(np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), 1e-6)))


def mirrored(found: Keypoints) -> Keypoints:
    """Return the local features of the mirror image (left and right exchanged), without looking at it again.

    In the frame of a keypoint a mirror exchanges the two sides of its direction: the rows of the 4 x 4 histogram
    grid are reversed, and each direction in it becomes its opposite.
    """
    points = found.points.copy()
    points[:, 0] = found.size[0] - 1 - points[:, 0]
    return Keypoints(found.size, points, found.descriptors[:, _MIRROR])
