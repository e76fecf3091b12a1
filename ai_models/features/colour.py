"""Colour: where which hues and saturations lie, how bright, and the moments of LAB."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.core.images import RGBImage
from ai_models.features.base import BaseFeatureExtractor, FloatArray
from ai_models.features.registry import register

__all__ = ["ColourExtractor"]

HUES, SATURATIONS, VALUES = 8, 4, 8
GRID = 2
"""Cells a side with a hue-saturation histogram each."""
_MOMENTS = ("mean", "sd", "skew")


@lru_cache(maxsize=8)
def _cell_offsets(side: int) -> NDArray[np.uint8]:
    cell = np.arange(side) * GRID // side
    return ((cell[:, None] * GRID + cell[None, :]) * (HUES * SATURATIONS)).astype(np.uint8)


@lru_cache(maxsize=1)
def _bin_of_byte() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    byte = np.arange(256)
    hue = np.minimum(byte * HUES // 180, HUES - 1) * SATURATIONS  # OpenCV's hue is in half degrees
    return hue.astype(np.uint8), (byte * SATURATIONS // 256).astype(np.uint8)


def _counts(values: RGBImage, bins: int, end: int) -> NDArray[np.float64]:
    """Return how many bytes fall into each of `bins` equal parts of [0, end)."""
    return np.asarray(cv2.calcHist([values], [0], None, [bins], [0, end]), dtype=np.float64).ravel()


@register
class ColourExtractor(BaseFeatureExtractor):
    """Hue-saturation histograms over a 2 x 2 grid, a histogram of value, mean, deviation and skew of L, a and b.

    Histograms sum to 1 each; moments are in units of the channel's range (skew as its cube root, as in Stricker
    and Orengo 1995).
    """

    name = "colour"

    def extract_features(self, image: RGBImage) -> FloatArray:
        hue, saturation, value = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
        of_hue, of_saturation = _bin_of_byte()
        index = cv2.add(cv2.LUT(hue, of_hue), cv2.LUT(saturation, of_saturation))
        index = np.asarray(cv2.add(index, _cell_offsets(image.shape[0])), dtype=np.uint8)
        count = GRID * GRID * HUES * SATURATIONS
        cells = _counts(index, count, count).reshape(GRID * GRID, -1)
        brightness = _counts(np.asarray(value, dtype=np.uint8), VALUES, 256)
        return np.concatenate(
            [
                (cells / cells.sum(axis=1, keepdims=True)).ravel(),
                brightness / brightness.sum(),
                _lab_moments(image),
            ]
        ).astype(np.float32)

    def get_feature_names(self) -> list[str]:
        places = [f"cell_{y}_{x}" for y in range(GRID) for x in range(GRID)]
        names = [f"{place}_hue_{h}_saturation_{s}" for place in places for h in range(HUES) for s in range(SATURATIONS)]
        names += [f"value_{v}" for v in range(VALUES)]
        return names + [f"{moment}_{channel}" for moment in _MOMENTS for channel in ("L", "a", "b")]


def _lab_moments(image: RGBImage) -> NDArray[np.float64]:
    """Return mean, standard deviation and signed cube root of the third moment of L, a, b: float64 (9,), exact sums."""
    lab = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2LAB))
    counts = np.stack([_counts(np.asarray(channel, dtype=np.uint8), 256, 256) for channel in lab])
    counts /= counts[0].sum()
    level = np.arange(256) / 255
    mean = counts @ level
    centred = level[None, :] - mean[:, None]
    deviation = np.sqrt((counts * centred**2).sum(axis=1))
    return np.concatenate([mean, deviation, np.cbrt((counts * centred**3).sum(axis=1))])
