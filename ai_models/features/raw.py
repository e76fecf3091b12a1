"""What is known of images before anything is fitted: blocks of vectors or local descriptors, errors, quality."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ai_models.core.images import RGBImage

__all__ = ["Item", "RawFeatures"]

Item = str | os.PathLike[str] | bytes | RGBImage
"""A path, a URL (as str), the bytes of an image file, or an RGB image: uint8 (h, w, 3)."""


@dataclass
class RawFeatures:
    """What is known of each image before anything is fitted.

    Attributes
    ----------
    blocks
        By block name: (n, ...) vectors, or local descriptors where the block has an encoder. Rows of images that
        could not be read are zero.
    errors
        By row: why the image could not be read.
    quality
        float32 (n, 5), how good each photograph is, columns as `ai_models.core.quality_levels.QUALITY_COLUMNS`; zero
        where it could not be read. No feature: it is not encoded, and no member sees it. None where it was not taken.
    closer
        What a second look at the middle of each image shows; None where there was none.
    """

    blocks: dict[str, NDArray[Any]]
    errors: dict[int, str] = field(default_factory=dict)
    quality: NDArray[np.float32] | None = None
    closer: Self | None = None

    def __len__(self) -> int:
        return len(next(iter(self.blocks.values())))

    def take(self, indices: Sequence[int] | NDArray[np.integer[Any]] | NDArray[np.bool_]) -> Self:
        """Return some rows, in the order given; a boolean mask is understood."""
        rows = np.asarray(indices)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.intp)
        errors = {new: self.errors[old] for new, old in enumerate(rows.tolist()) if old in self.errors}
        quality = None if self.quality is None else self.quality[rows]
        closer = None if self.closer is None else self.closer.take(rows)
        return type(self)({name: block[rows] for name, block in self.blocks.items()}, errors, quality, closer)
