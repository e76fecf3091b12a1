"""Distance to the nearest class in units of the spread inside classes, and the same relative to the whole."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from ai_models.ensemble.detectors.base import Detector, Scores
from ai_models.ensemble.detectors.view import View

__all__ = ["Mahalanobis", "RelativeMahalanobis"]


class Mahalanobis(Detector):
    """min over classes c of (x - m_c)' S^-1 (x - m_c), with S the pooled covariance inside classes, shrunk.

    Lee et al. (NeurIPS 2018), *A simple unified framework for detecting out-of-distribution samples*, on principal
    components; S after Ledoit & Wolf (2004), for classes of a few dozen rows have no covariance of their own.
    """

    name = "mahalanobis"

    def fit(self, known: View, y: NDArray[np.int64]) -> Self:
        classes, code = np.unique(y, return_inverse=True)
        self.means_ = np.stack([known.along[code == c].mean(axis=0) for c in range(len(classes))])
        self.precision_ = _precision(known.along - self.means_[code])
        return self

    def scores(self, rows: View) -> Scores:
        return np.asarray(_squared_lengths(rows.along - self.means_[:, None], self.precision_).min(axis=0))


class RelativeMahalanobis(Mahalanobis):
    """The Mahalanobis score less (x - m)' T^-1 (x - m), the same length about the common mean, T of all rows.

    Ren et al. (2021), *A simple fix to Mahalanobis distance for improving near-OOD detection*: what is far in
    directions in which everything varies is not unusual. Zero for all where there is a single class.
    """

    name = "relative_mahalanobis"

    def fit(self, known: View, y: NDArray[np.int64]) -> Self:
        super().fit(known, y)
        self.mean_ = known.along.mean(axis=0)
        self.whole_ = _precision(known.along - self.mean_)
        return self

    def scores(self, rows: View) -> Scores:
        if len(self.means_) == 1:
            return np.zeros(len(rows.along))
        return super().scores(rows) - _squared_lengths(rows.along - self.mean_, self.whole_)


def _precision(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverse of the shrunk covariance of centred rows, float64 (r, r)."""
    covariance = LedoitWolf(assume_centered=True, store_precision=False).fit(centred).covariance_
    floor = max(float(np.trace(covariance)) / len(covariance), 1e-12) * 1e-9  # rows that are all equal have no spread
    return np.asarray(np.linalg.inv(covariance + floor * np.eye(len(covariance))))


def _squared_lengths(rows: NDArray[np.float64], precision: NDArray[np.float64]) -> Scores:
    """Return the squared length of float64 (..., r) rows."""
    return np.asarray(np.einsum("...j,...j->...", rows @ precision, rows))
