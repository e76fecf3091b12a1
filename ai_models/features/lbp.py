"""Local binary patterns (Ojala, Pietikäinen and Mäenpää, PAMI 2002), eight neighbours at radius 1."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.core.images import RGBImage
from ai_models.features.base import BaseFeatureExtractor, FloatArray
from ai_models.features.registry import register

__all__ = ["LbpExtractor", "local_binary_pattern"]

PATTERNS = 59
"""Uniform patterns told apart by rotation: none, one to seven neighbours in a run of eight places each, all; and the
rest together. On small relief objects the direction of an edge carries much: folding rotations to ten patterns costs
ten points of accuracy."""
GRID = 4
"""Cells a side, each with a histogram of its own, beside the one of the whole image."""

# (row, column) of the neighbours, counter-clockwise from the right.
_RING = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))
# A diagonal neighbour lies at 0.70711 of a pixel in both directions. Its bilinear value is not below the centre c
# when (1 - 0.70711) (a - c + b - c) + 0.70711 (e - c) >= 0, a and b the straight neighbours, e the corner. Of bytes
# that sum over 0.70711 is 0 or at least 0.001 from it, and single precision errs by less than 0.0001: the sign is
# exact, the same on every machine.
_STRAIGHT = np.float32(0.29289 / 0.70711)


@lru_cache(maxsize=1)
def _pattern_of_code() -> NDArray[np.uint8]:
    """Return the pattern of each of the 256 codes: 0 for no one, 1 to 56 for runs, 57 for all ones, 58 for the rest."""
    patterns = np.full(256, PATTERNS - 1, dtype=np.uint8)
    patterns[0], patterns[255] = 0, PATTERNS - 2
    for length in range(1, 8):
        for first in range(8):
            code = sum(1 << ((first + k) % 8) for k in range(length))
            patterns[code] = 1 + (length - 1) * 8 + first
    return patterns


def local_binary_pattern(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the uniform pattern of every pixel.

    The codes of ``skimage.feature.local_binary_pattern(grey, 8, 1, "nri_uniform")`` under other numbers, but a
    neighbour that equals its centre always counts as not below it (there, rounding decides).

    Parameters
    ----------
    grey
        uint8 (h, w); beyond its border lie zeros.

    Returns
    -------
    numpy.ndarray
        uint8 (h, w) in [0, 58]: 0 no neighbour reaches the centre, ``1 + 8 (l - 1) + f`` a run of l from place f
        (counter-clockwise from the right), 57 all do, 58 several runs.
    """
    height, width = grey.shape
    padded = np.zeros((height + 2, width + 2), dtype=np.float32)
    padded[1:-1, 1:-1] = grey
    centre = padded[1:-1, 1:-1]
    difference = [padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] - centre for dy, dx in _RING]
    for p in (0, 2, 4, 6):
        difference[p] *= _STRAIGHT
    code = np.zeros((height, width), dtype=np.uint8)
    for p in range(8):
        value = difference[p]
        if p % 2:
            value += difference[p - 1]
            value += difference[(p + 1) % 8]
        code |= (value >= 0).view(np.uint8) << p
    return np.asarray(cv2.LUT(code, _pattern_of_code()), dtype=np.uint8)


@lru_cache(maxsize=8)
def _cell_offsets(side: int) -> NDArray[np.uint16]:
    cell = np.arange(side) * GRID // side
    return ((cell[:, None] * GRID + cell[None, :]) * PATTERNS).astype(np.uint16)


@register
class LbpExtractor(BaseFeatureExtractor):
    """Texture: histograms of uniform local binary patterns, over a 4 x 4 grid and over the whole image."""

    name = "lbp"
    version = 2

    def extract_features(self, image: RGBImage) -> FloatArray:
        patterns = local_binary_pattern(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8))
        index, bins = _cell_offsets(patterns.shape[0]) + patterns, GRID * GRID * PATTERNS
        cells = np.asarray(cv2.calcHist([index], [0], None, [bins], [0, bins]), np.float64).reshape(-1, PATTERNS)
        counts = np.vstack([cells, cells.sum(axis=0)])
        return np.asarray(counts / counts.sum(axis=1, keepdims=True), dtype=np.float32).ravel()

    def get_feature_names(self) -> list[str]:
        places = [f"cell_{y}_{x}" for y in range(GRID) for x in range(GRID)] + ["whole"]
        return [f"{place}_pattern_{k}" for place in places for k in range(PATTERNS)]
