"""A heat map over its photograph, as pixels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ai_models.core.images import RGBImage
from ai_models.explaining.saliency import upsampled

__all__ = ["AGAINST", "FOR", "overlay"]

FOR, AGAINST = (224, 96, 0), (0, 114, 178)
"""Colours of what speaks for the predicted class, and of what speaks for the other one: apart for every eye."""
_STRONGEST = 0.75  # opacity


def overlay(image: RGBImage, maps: Mapping[str, NDArray[np.float64]]) -> RGBImage:
    """Return the photograph in grey with the map in colour, uint8 (h, w, 3).

    The colour's strength is the magnitude over the largest of this map: two pictures cannot be compared by it.

    Parameters
    ----------
    image
        uint8 (h, w, 3), RGB, of any size.
    maps
        Network -> float64 map, as `network_maps` gives them.
    """
    heat = upsampled(maps, *image.shape[:2])
    strength = _STRONGEST * np.abs(heat) / (float(np.abs(heat).max()) or 1.0)
    grey = (image.astype(np.float64) @ np.array([0.299, 0.587, 0.114]))[..., None]
    colour = np.where(heat[..., None] > 0, np.array(FOR, dtype=np.float64), np.array(AGAINST, dtype=np.float64))
    mixed = grey * (1 - strength[..., None]) + colour * strength[..., None]
    return np.asarray(np.rint(mixed), dtype=np.uint8)
