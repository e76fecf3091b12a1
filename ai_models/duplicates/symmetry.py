"""The eight flips and quarter turns of a square, acting on pixels and on cosine spectra alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SYMMETRIES", "Symmetry"]


@dataclass(frozen=True, slots=True)
class Symmetry:
    """One of the eight: transpose first, then reverse rows, then reverse columns.

    Attributes
    ----------
    name
        What a person calls it; turns are anticlockwise.
    transposed, rows, columns
        Whether the two axes are exchanged, the rows reversed, the columns reversed.
    """

    name: str
    transposed: bool
    rows: bool
    columns: bool

    def on_pixels(self, images: NDArray[Any]) -> NDArray[Any]:
        """Apply to images, shape (h, w, ...)."""
        turned = images.swapaxes(0, 1) if self.transposed else images
        return turned[:: -1 if self.rows else 1, :: -1 if self.columns else 1]

    def on_spectra(self, spectra: NDArray[Any]) -> NDArray[Any]:
        """Apply to DCT-II spectra, shape (..., k, k): a reversed axis negates its odd frequencies."""
        turned = spectra.swapaxes(-1, -2) if self.transposed else spectra
        sign = np.where(np.arange(spectra.shape[-1]) % 2, -1, 1).astype(spectra.dtype)
        if self.rows:
            turned = turned * sign[:, None]
        if self.columns:
            turned = turned * sign
        return turned


SYMMETRIES = (
    Symmetry("identity", False, False, False),
    Symmetry("mirror", False, False, True),
    Symmetry("flip", False, True, False),
    Symmetry("turn180", False, True, True),
    Symmetry("turn90", True, True, False),
    Symmetry("turn270", True, False, True),
    Symmetry("transpose", True, False, False),
    Symmetry("transverse", True, True, True),
)
"""Identity first, so that ties go to it."""
