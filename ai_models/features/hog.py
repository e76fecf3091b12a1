"""Histograms of oriented gradients (Dalal and Triggs, CVPR 2005) on grey, nine unsigned orientations, L2-Hys."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.core.images import RGBImage
from ai_models.features.base import BaseFeatureExtractor, FloatArray
from ai_models.features.registry import register

__all__ = ["HogExtractor", "hog"]

ORIENTATIONS = 9
CELL = 16
"""Side of a cell in pixels."""
BLOCK = 2
"""Side of a normalisation block in cells."""
_SPAN = 511  # differences of two bytes: -255 to 255


@lru_cache(maxsize=1)
def _orientation_of() -> NDArray[np.uint8]:
    """Return the orientation bin of every possible gradient, flat over (row difference, column difference).

    Bytes have only 511 x 511 gradients, so one look-up replaces an arctangent for each pixel.
    """
    difference = np.arange(-255, 256, dtype=np.float64)
    angle = np.rad2deg(np.arctan2(difference[:, None], difference[None, :])) % 180
    edges = 180.0 / ORIENTATIONS * np.arange(1, ORIENTATIONS + 1)
    orientation = np.searchsorted(edges, angle, side="right").clip(max=ORIENTATIONS - 1)
    return orientation.ravel().astype(np.uint8)


@lru_cache(maxsize=8)
def _cell_offsets(side: int) -> NDArray[np.int64]:
    cells = side // CELL
    index = np.arange(cells * CELL) // CELL
    return ((index[:, None] * cells + index[None, :]) * ORIENTATIONS).ravel()


def hog(grey: NDArray[np.uint8]) -> FloatArray:
    """Return the HOG descriptor of a square grey image.

    Equal to ``skimage.feature.hog(grey, 9, (16, 16), (2, 2), block_norm="L2-Hys")`` within rounding.

    Parameters
    ----------
    grey
        uint8 (s, s); the rows and columns beyond the last whole cell are not used.

    Returns
    -------
    numpy.ndarray
        float32 (b * b * 36,), b = s // 16 - 1 blocks a side, each value in [0, 1].
    """
    side = grey.shape[0]
    cells = side // CELL
    signed = grey.astype(np.int32)
    down, right = np.zeros((2, side, side), dtype=np.int32)
    np.subtract(signed[2:], signed[:-2], out=down[1:-1])
    np.subtract(signed[:, 2:], signed[:, :-2], out=right[:, 1:-1])
    used = slice(cells * CELL)
    down, right = down[used, used].ravel(), right[used, used].ravel()
    bins = _cell_offsets(side) + _orientation_of()[(down + 255) * _SPAN + (right + 255)]
    magnitude = np.sqrt(down * down + right * right)
    votes = np.bincount(bins, weights=magnitude, minlength=cells * cells * ORIENTATIONS)
    histograms = votes.reshape(cells, cells, ORIENTATIONS) / (CELL * CELL)
    windows = np.lib.stride_tricks.sliding_window_view(histograms, (BLOCK, BLOCK), axis=(0, 1))
    blocks = windows.transpose(0, 1, 3, 4, 2).reshape(-1, BLOCK * BLOCK * ORIENTATIONS)
    clipped = np.minimum(_unit(blocks), 0.2)
    return _unit(clipped).astype(np.float32).ravel()


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(rows / np.sqrt(np.einsum("ij,ij->i", rows, rows) + 1e-10)[:, None])


@register
class HogExtractor(BaseFeatureExtractor):
    """Shape: HOG over cells of 16 pixels, blocks of 2 x 2 cells."""

    name = "hog"

    def extract_features(self, image: RGBImage) -> FloatArray:
        return hog(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8))

    def get_feature_names(self) -> list[str]:
        blocks = self.image_size // CELL - 1
        return [
            f"block_{row}_{column}_cell_{y}_{x}_{round(180 / ORIENTATIONS * k)}deg"
            for row in range(blocks)
            for column in range(blocks)
            for y in range(BLOCK)
            for x in range(BLOCK)
            for k in range(ORIENTATIONS)
        ]
