"""Detectors fitted without a fold score its photographs, and foreign ones beside them: like against like."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ai_models.core.rng import derive_seed
from ai_models.ensemble.outliers import DETECTORS, OutlierDetector, OutlierScale

__all__ = ["COMBINED", "Compared", "compare_held_out"]

COMBINED = "combined"
"""Column of the combined score, after those of the detectors."""


class Compared(NamedTuple):
    """Scores of known and of foreign photographs, told by the same detectors.

    Attributes
    ----------
    known
        float64 (n, detectors + 1), each row by the detectors fitted without its fold; the last column is the combined
        score. Higher = more unusual.
    foreign
        float64 (folds, m, detectors + 1), by the detectors of each fold.
    fold
        int64 (n,), the place in `foreign` of the detectors that scored each known row.
    """

    known: NDArray[np.float64]
    foreign: NDArray[np.float64]
    fold: NDArray[np.int64]


def compare_held_out(
    X: NDArray[np.float32],
    y: NDArray[np.int64],
    folds: NDArray[np.int64],
    foreign: NDArray[np.float32],
    *,
    seed: int,
) -> Compared:
    """Score known photographs out of fold, and foreign ones by the detectors of every fold.

    Parameters
    ----------
    X
        float (n, d), known photographs, in features that nothing was fitted for.
    y
        int64 (n,), their classes.
    folds
        int64 (n,), their folds, no object in two.
    foreign
        float (m, d), what nothing is fitted on.
    seed
        Of the detectors that draw.
    """
    numbers, fold = np.unique(folds, return_inverse=True)
    known = np.zeros((len(X), len(DETECTORS)))
    strange = np.zeros((len(numbers), len(foreign), len(DETECTORS)))
    for place, number in enumerate(numbers.tolist()):
        out = fold == place
        detector = OutlierDetector((slice(None),), derive_seed(seed, "outliers", number)).fit(X[~out], y[~out])
        known[out], strange[place] = detector.scores(X[out]), detector.scores(foreign)
    scale = OutlierScale().fit(known)
    return Compared(
        np.column_stack([known, scale.combine(known)]),
        np.concatenate([strange, scale.combine(strange)[..., None]], axis=2),
        fold.astype(np.int64),
    )
