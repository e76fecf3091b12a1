"""Cosine distance to the nearest known rows."""

from __future__ import annotations

from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ai_models.ensemble.detectors.base import Detector, Scores
from ai_models.ensemble.detectors.view import View

__all__ = ["NearestNeighbours"]

NEIGHBOURS = 3


class NearestNeighbours(Detector):
    """Cosine distance 1 - u'v to the third nearest known row (Sun et al., ICML 2022, *Deep nearest neighbors*).

    Rows have unit length, so 1 - u'v = |u - v|^2 / 2; it is taken from the principal components and the two
    distances to their subspace, as if these stood at right angles. That keeps 128 numbers a known row instead of all,
    and with as many components as columns it is the cosine distance itself.
    """

    name = "nearest_neighbours"

    def fit(self, known: View, y: NDArray[np.int64]) -> Self:
        self._forget()
        self.along_ = known.along.astype(np.float32)
        self.across_ = known.across.astype(np.float32)
        return self

    def scores(self, rows: View) -> Scores:
        k = min(NEIGHBOURS, len(self.along_))
        return np.asarray(np.partition(self._distances(rows), k - 1, axis=1)[:, k - 1])

    @cached_property
    def _known(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coordinates of the known rows, float64 (known, r), and their squared lengths, float64 (known,)."""
        known = self.along_.astype(np.float64)
        return known, (known**2).sum(axis=1) + self.across_.astype(np.float64) ** 2

    def _distances(self, rows: View) -> NDArray[np.float64]:
        """Return float64 (n, known)."""
        known, known_lengths = self._known
        lengths = (rows.along**2).sum(axis=1) + rows.across**2
        squared = lengths[:, None] + known_lengths - 2.0 * rows.along @ known.T
        return np.asarray(np.maximum(squared, 0.0) / 2.0)
