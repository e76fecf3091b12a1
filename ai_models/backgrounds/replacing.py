"""A photograph on another surface: the object as it is, its edge soft and without the old colour."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.backgrounds.finding import Background, find_background
from ai_models.backgrounds.textures import TEXTURES, paint
from ai_models.core.images import RGBImage

__all__ = ["recoloured", "replaced"]


def replaced(image: RGBImage, rng: np.random.Generator, kind: str = "") -> RGBImage | None:
    """Put another surface in the place of the background.

    Parameters
    ----------
    image
        uint8 (h, w, 3), RGB.
    rng
        Where the surface is drawn from.
    kind
        One of `TEXTURES`; one at random when empty.

    Returns
    -------
    numpy.ndarray or None
        uint8 (h, w, 3); None where there is no background of one colour.
    """
    found = find_background(image)
    if found is None:
        return None
    kind = kind or TEXTURES[int(rng.integers(len(TEXTURES)))]
    height, width = image.shape[:2]
    return _composed(image, found, paint(kind, height, width, rng, unlike=found.colour))


def recoloured(image: RGBImage, colour: NDArray[np.uint8]) -> RGBImage | None:
    """Put one colour, uint8 (3,) RGB, in the place of the background; None where there is none of one colour."""
    found = find_background(image)
    return None if found is None else _composed(image, found, np.broadcast_to(colour, image.shape).astype(np.uint8))


def _composed(image: RGBImage, found: Background, surface: RGBImage) -> RGBImage:
    """Mix object and surface; at the edge the object has the colour that it has a little further inside."""
    share = found.share[..., None].astype(np.float64)
    core = (found.share <= 0.02).astype(np.float32)
    radius = max(1.5, 0.01 * max(image.shape[:2]))
    weight = np.maximum(cv2.GaussianBlur(core, (0, 0), radius), 1e-6)[..., None]
    inside = cv2.GaussianBlur(image.astype(np.float32) * core[..., None], (0, 0), radius) / weight
    own = np.where(core[..., None] > 0, image, inside)
    return np.asarray(np.clip(np.rint(share * surface + (1.0 - share) * own), 0, 255), dtype=np.uint8)
