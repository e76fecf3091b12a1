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
    """An image reduced to what a search for the same picture needs, about 4.5 KiB.

    Attributes
    ----------
    pixels
        SHA-256 (hex) of shape and decoded RGB pixels: equal for equal pictures in any lossless format.
    thumbnail
        uint8 (SIDE, SIDE), grey; the whole picture, sides scaled separately.
    signs
        int8 (FREQUENCIES, FREQUENCIES), signs of the lowest DCT-II coefficients of the thumbnail: -1, 0 or 1.
    """

    pixels: str
    thumbnail: NDArray[np.uint8]
    signs: NDArray[np.int8]


def fingerprint(image: RGBImage) -> Fingerprint:
    """Reduce one image.

    Parameters
    ----------
    image
        uint8 (h, w, 3), RGB, at full size.
    """
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    grey = np.asarray(cv2.cvtColor(resize(image, SIDE), cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    spectrum = cv2.dct(grey.astype(np.float32))[:FREQUENCIES, :FREQUENCIES]
    return Fingerprint(digest.hexdigest(), grey, np.sign(spectrum).astype(np.int8))
