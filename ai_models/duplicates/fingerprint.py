"""What of an image is kept to compare it with all the others."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.core.images import RGBImage, resize

__all__ = ["FREQUENCIES", "SIDE", "Fingerprint", "fingerprint"]

SIDE = 64
"""Side of the thumbnail in pixels."""
FREQUENCIES = 16
"""Frequencies kept on each axis: a hash of 16 x 16 - 1 = 255 bits."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """An image reduced to what comparisons need, about 13 KiB.

    Attributes
    ----------
    pixels
        SHA-256 (hex) of shape and decoded RGB pixels: equal for equal pictures in any lossless format.
    thumbnail
        uint8 (SIDE, SIDE, 3), RGB; the whole picture, sides scaled separately.
    spectrum
        float32 (FREQUENCIES, FREQUENCIES), the lowest orthonormal DCT-II coefficients of the grey thumbnail.
    """

    pixels: str
    thumbnail: RGBImage
    spectrum: NDArray[np.float32]


def fingerprint(image: RGBImage) -> Fingerprint:
    """Reduce one image.

    Parameters
    ----------
    image
        uint8 (h, w, 3), RGB, at full size.
    """
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    small = resize(image, SIDE)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return Fingerprint(digest.hexdigest(), small, cv2.dct(grey)[:FREQUENCIES, :FREQUENCIES].copy())
