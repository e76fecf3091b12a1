"""How unusual a row of features is: several detectors, combined into one score and then turned into one p-value.

Higher = more unusual, everywhere.

Each fold of the training photographs has detectors that were fitted without it. They score the fold's own objects
for reference, they are kept, and a new row is held against each fold's objects by that fold's detectors: like against
like. (Detectors fitted anew on all rows would not do: with more rows logits grow and distances shrink, so their
scores are of another kind than the reference's.) This is cross-conformal prediction (Vovk, Annals of Mathematics and
AI 74, 2015) over objects: in practice the false-alarm rate is the stated one or a little less; what theory promises
is about twice it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from ai_models.core.rng import derive_seed
from ai_models.ensemble.compiled import IsolationForests
from ai_models.ensemble.conformal import ConformalReference
from ai_models.ensemble.derived import Derived
from ai_models.ensemble.detectors import (
    Detector,
    Energy,
    Isolation,
    Mahalanobis,
    NearestNeighbours,
    PrincipalView,
    RelativeMahalanobis,
    View,
    VirtualLogit,
)

__all__ = ["DETECTORS", "FoldDetectors", "OutlierDetector", "OutlierScale", "OutlierTest"]

DETECTORS: dict[str, type[Detector]] = {
    detector.name: detector
    for detector in (VirtualLogit, Energy, Mahalanobis, RelativeMahalanobis, NearestNeighbours, Isolation)
}
"""By name, in the order of the columns of scores."""

_VOICES = {"vim": 1.0, "energy": 1.0}
"""Weight in the combined score; every other detector has a tenth, which counts where these two are silent."""


_DISTANCE = list(DETECTORS).index(NearestNeighbours.name)
_FOREST = list(DETECTORS).index(Isolation.name)


class OutlierDetector(BaseEstimator):
    """Score rows by each detector.

    Parameters
    ----------
    columns
        Blocks of columns of X that are looked at, each scaled to unit length a row.
    seed
        Of the detectors that draw.
    """

    def __init__(self, columns: tuple[slice, ...], seed: int = 0) -> None:
        self.columns = columns
        self.seed = seed

    def fit(self, X: NDArray[np.float32], y: NDArray[np.int64]) -> Self:
        """Fit on float (n, d) training rows and their classes, int (n,)."""
        rows = _unit(X, self.columns)
        self.view_ = PrincipalView().fit(rows, y)
        known = self.view_.transform(rows)
        self.detectors_ = [detector(derive_seed(self.seed, name)).fit(known, y) for name, detector in DETECTORS.items()]
        return self

    def scores(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return float64 (n, detectors), columns in the order of `DETECTORS`."""
        view: View = self.view_.transform(_unit(X, self.columns))
        return np.stack([detector.scores(view) for detector in self.detectors_], axis=1)


@dataclass(frozen=True)
class FoldDetectors(Derived):
    """The detectors of each fold.

    Attributes
    ----------
    folds
        One a fold, fitted without it; a single one, fitted on all rows, where features themselves depend on the fold.
    """

    folds: tuple[OutlierDetector, ...]

    def scores(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return float64 (folds, n, detectors) of float (n, d) rows."""
        columns = self.folds[0].columns
        if any(fold.columns != columns for fold in self.folds):
            return np.stack([detector.scores(X) for detector in self.folds])
        rows = _unit(X, columns)
        views = [fold.view_.transform(rows) for fold in self.folds]
        out = np.empty((len(self.folds), len(X), len(DETECTORS)))
        for i in range(len(DETECTORS)):
            if i == _FOREST:
                out[..., i] = self._forests.scores(rows)
            else:
                out[..., i] = [fold.detectors_[i].scores(view) for fold, view in zip(self.folds, views, strict=True)]
        return out

    @cached_property
    def _forests(self) -> IsolationForests:
        """The forests of all folds as one: a row walks their trees at once."""
        found = (fold.detectors_[_FOREST] for fold in self.folds)
        return IsolationForests([detector.forest_ for detector in found if isinstance(detector, Isolation)])


class OutlierScale(BaseEstimator):
    """Combine detectors into one score: s(x) = sum over detectors of w log(1 + exp((d(x) - median) / IQR)).

    Each detector speaks in units of its own out-of-fold spread, and only of what is unusual: one that finds a row very
    usual cannot outvote another that finds it very unusual, as it could in a mean.

    Attributes
    ----------
    centre_, spread_ : numpy.ndarray
        Median and interquartile range of the out-of-fold scores, float64 (detectors,).
    """

    def fit(self, scores: NDArray[np.float64]) -> Self:
        """Learn the spread from out-of-fold scores, float64 (n, detectors)."""
        low, self.centre_, high = np.quantile(scores, [0.25, 0.5, 0.75], axis=0)
        self.spread_ = np.maximum(high - low, 1e-9)
        self.voices_ = np.array([_VOICES.get(name, 0.1) for name in DETECTORS])
        return self

    def combine(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the combined score of float64 (..., detectors), float64 (...)."""
        return np.asarray(np.logaddexp(0.0, (scores - self.centre_) / self.spread_) @ self.voices_)


class OutlierTest(BaseEstimator):
    """From the detectors' scores to one score and one p-value.

    For a new row x, s_f its combined score by the detectors of fold f, and s_i those of the G training objects,

        p(x) = (1 + sum over folds f and groups of f of the mean over the group's images of [s_i >= s_f(x)]) / (G + 1)

    Attributes
    ----------
    scale_ : OutlierScale
        Combines the detectors.
    references_, distances_ : tuple of ConformalReference
        One a fold: of the combined score, and of the distance to the nearest training photographs.
    n_groups_ : int
        G.
    """

    def fit(self, scores: NDArray[np.float64], groups: ArrayLike, folds: ArrayLike) -> Self:
        """Keep the reference.

        Parameters
        ----------
        scores
            float64 (n, detectors), each row by the detectors of its own fold, which were not fitted on it.
        groups
            (n,), the object that each image shows; no group in two folds.
        folds
            int (n,), in the order of `FoldDetectors.folds` when sorted; all equal where there is one detector.
        """
        group, fold = np.asarray(groups), np.asarray(folds)
        self.scale_ = OutlierScale().fit(scores)

        def references(values: NDArray[np.float64]) -> tuple[ConformalReference, ...]:
            return tuple(ConformalReference().fit(values[fold == f], group[fold == f]) for f in np.unique(fold))

        self.references_ = references(self.scale_.combine(scores))
        self.distances_ = references(scores[:, _DISTANCE])
        self.n_groups_ = sum(reference.n_groups_ for reference in self.references_)
        return self

    def test(self, scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the combined score, the mean over the folds, and the p-value of each row, float64 (n,) each.

        Parameters
        ----------
        scores
            float64 (folds, n, detectors), as `FoldDetectors.scores` gives them; or (n, detectors) for rows that only
            one fold has scored, which are then held against all folds alike.
        """
        combined = self.scale_.combine(scores)
        return np.broadcast_to(combined, self._shape(combined)).mean(axis=0), self._p(self.references_, combined)

    def distance_p(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the p-value of the distance to the nearest training photographs alone, float64 (n,); see `test`."""
        return self._p(self.distances_, scores[..., _DISTANCE])

    def _shape(self, values: NDArray[np.float64]) -> tuple[int, int]:
        return len(self.references_), values.shape[-1]

    def _p(self, references: tuple[ConformalReference, ...], values: NDArray[np.float64]) -> NDArray[np.float64]:
        by_fold = np.broadcast_to(values, self._shape(values))
        above = sum(
            reference.p_value(row) * (reference.n_groups_ + 1.0) - 1.0
            for reference, row in zip(references, by_fold, strict=True)
        )
        return np.asarray(np.minimum((1.0 + above) / (self.n_groups_ + 1.0), 1.0))


def _unit(X: NDArray[np.float32], columns: tuple[slice, ...]) -> NDArray[np.float32]:
    """Return the blocks side by side, each of equal length and the whole of unit length, float32 (n, d)."""
    blocks = []
    for block in columns:
        rows = np.asarray(X[:, block], dtype=np.float32)
        length = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
        blocks.append(rows / np.maximum(length, 1e-12)[:, None] / np.sqrt(len(columns)))
    return np.concatenate(blocks, axis=1, dtype=np.float32)
