"""P-values against out-of-fold scores, each object counted once: the base of OOD verdicts and prediction sets.

For a new score s and reference scores s_i of G groups (physical objects), with higher = more unusual,

    p(s) = (1 + sum over groups of the mean over the group's images of [s_i >= s]) / (G + 1)

If the new object is exchangeable with the G objects, P(p <= a) <= a up to the weighting inside groups; so
"p <= a" has a false-alarm rate of about a, and keeping the classes with p > 1 - coverage gives a set that holds the
true class with about the stated coverage (split-conformal LAC; Vovk et al. 2005, Sadinle et al. 2019, taken over
objects instead of images). The smallest p-value is 1 / (G + 1): with fewer than 9 objects nothing can ever be left
out at 90 %, and the sets say so by holding every class.
"""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

__all__ = ["ConformalReference", "groups_needed", "prediction_sets"]


class ConformalReference(BaseEstimator):
    """Out-of-fold scores that new scores are held against.

    Attributes
    ----------
    scores_ : numpy.ndarray
        float64 (n,), ascending.
    tail_ : numpy.ndarray
        float64 (n + 1,); ``tail_[i]`` = summed weight of ``scores_[i:]``, where each group weighs 1.
    n_groups_ : int
        G.
    """

    def fit(self, scores: ArrayLike, groups: ArrayLike) -> Self:
        """Keep the reference.

        Parameters
        ----------
        scores
            Float (n,), higher = more unusual, each scored by a model that was not fitted on its group.
        groups
            (n,), the object that each image shows.
        """
        values = np.asarray(scores, dtype=np.float64)
        if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
            raise ValueError("reference scores must be a non-empty row of finite numbers")
        _, index, size = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
        order = np.argsort(values, kind="stable")
        weights = (1.0 / size[index])[order]
        self.scores_ = values[order]
        self.tail_ = np.append(np.cumsum(weights[::-1])[::-1], 0.0)
        self.n_groups_ = len(size)
        return self

    def p_value(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Return p of each score, in [1 / (G + 1), 1], same shape as `scores`."""
        first = np.searchsorted(self.scores_, np.asarray(scores, dtype=np.float64), side="left")
        return np.asarray(np.minimum((1.0 + self.tail_[first]) / (self.n_groups_ + 1.0), 1.0))


def prediction_sets(
    probabilities: NDArray[np.float64], reference: ConformalReference, coverage: float
) -> NDArray[np.bool_]:
    """Return which classes stay in play at the stated coverage.

    Parameters
    ----------
    probabilities
        float64 (n, k).
    reference
        Fitted on 1 - probability of the true class, out of fold.
    coverage
        In (0, 1).

    Returns
    -------
    numpy.ndarray
        bool (n, k); the likeliest class is always in (a set that holds nothing tells nobody anything, and coverage
        only grows), and a row is full where there are too few objects to leave one out.
    """
    alpha = 1.0 - coverage
    inside = np.asarray(reference.p_value(1.0 - probabilities) > alpha + 1e-12)
    inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
    return inside


def groups_needed(coverage: float) -> int:
    """Return the fewest objects with which a class can ever be left out: 9 for 90 %, 19 for 95 %."""
    alpha = 1.0 - coverage
    return math.ceil(1.0 / alpha - 1.0 - 1e-9)
