"""How unusual a row of features is: IsolationForest and the distance to the nearest known rows.

Higher = more unusual, everywhere.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.ensemble import IsolationForest

__all__ = ["DETECTORS", "OutlierDetector", "OutlierScale"]

DETECTORS = ("isolation_forest", "nearest_neighbours")


class OutlierDetector(BaseEstimator):
    """Score rows by each detector, on unit-length rows of some columns.

    Parameters
    ----------
    columns
        Columns of X that are looked at (the embedding where there is one).
    neighbours
        k of the cosine distance to the k-th nearest fitted row (Sun et al. 2022, *Deep nearest neighbors*).
    trees
        Trees of the isolation forest (Liu et al. 2008); its score is ``-score_samples``, in (0, 1].
    seed
        Seed of the forest.
    """

    def __init__(self, columns: slice, neighbours: int = 3, trees: int = 200, seed: int = 0) -> None:
        self.columns = columns
        self.neighbours = neighbours
        self.trees = trees
        self.seed = seed

    def fit(self, X: NDArray[np.float32], y: object = None) -> Self:
        """Fit on float (n, d) training rows; `y` is ignored."""
        unit = _unit(X[:, self.columns])
        self.forest_ = IsolationForest(n_estimators=self.trees, random_state=self.seed, n_jobs=1).fit(unit)
        self.known_ = unit
        return self

    def scores(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return float64 (n, 2), a column a detector in the order of `DETECTORS`."""
        unit = _unit(X[:, self.columns])
        similarity = unit @ self.known_.T
        k = min(self.neighbours, similarity.shape[1])
        nearest = -np.partition(-similarity, k - 1, axis=1)[:, k - 1]
        return np.stack([-self.forest_.score_samples(unit), 1.0 - nearest.astype(np.float64)], axis=1)


class OutlierScale(BaseEstimator):
    """Combine detectors into one score: the mean of their scores, each in units of its own out-of-fold spread.

    Attributes
    ----------
    centre_, spread_ : numpy.ndarray
        Median and interquartile range of the out-of-fold scores, float64 (detectors,).
    """

    def fit(self, scores: NDArray[np.float64]) -> Self:
        """Learn the spread from out-of-fold scores, float64 (n, detectors)."""
        low, self.centre_, high = np.quantile(scores, [0.25, 0.5, 0.75], axis=0)
        self.spread_ = np.maximum(high - low, 1e-9)
        return self

    def combine(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the combined score, float64 (n,)."""
        return np.asarray(((scores - self.centre_) / self.spread_).mean(axis=1))


def _unit(X: NDArray[np.float32]) -> NDArray[np.float32]:
    rows = np.asarray(X, dtype=np.float32)
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    return np.asarray(rows / np.maximum(length, 1e-12)[:, None], dtype=np.float32)
