"""P-values against out-of-fold scores, each object counted once: the base of OOD verdicts and prediction sets.

For a new score s and reference scores s_i of G groups (physical objects), with higher = more unusual,

    p(s) = (1 + sum over groups of the mean over the group's images of [s_i >= s]) / (G + 1)

If the new object is exchangeable with the G objects, P(p <= a) <= a up to the weighting inside groups (Vovk et al.
2005, taken over objects instead of images), so "p <= a" has a false-alarm rate of about a. The smallest p-value is
1 / (G + 1).
"""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from ai_models.metrics import Interval
from ai_models.metrics.special import beta_quantile

__all__ = ["ConformalReference", "coverage_to_expect", "groups_needed"]


_ROUNDING = 1e-9
"""Relative difference up to which two scores are equal."""


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
        """Return p of each score, in [1 / (G + 1), 1], same shape as `scores`.

        Scores that agree to one part in a billion count as equal: a training photograph that comes back, alone or in a
        batch, has its own reference score up to the rounding of sums.
        """
        values = np.asarray(scores, dtype=np.float64)
        first = np.searchsorted(self.scores_, values - _ROUNDING * np.abs(values), side="left")
        return np.asarray(np.minimum((1.0 + self.tail_[first]) / (self.n_groups_ + 1.0), 1.0))


def groups_needed(coverage: float) -> int:
    """Return the fewest objects with which a class can ever be left out: 9 for 90 %, 19 for 95 %."""
    alpha = 1.0 - coverage
    return math.ceil(1.0 / alpha - 1.0 - 1e-9)


def coverage_to_expect(groups: int, coverage: float, level: float = 0.95) -> Interval:
    """Return what share of new objects the sets of one calibration hold: its mean, and where it lies.

    With n exchangeable calibration objects, one score each, the coverage that this calibration happens to have is
    distributed as Beta(k, n + 1 - k), k = ceil((n + 1) coverage) (Vovk, Machine Learning 92, 2013); 1 where k > n.

    Parameters
    ----------
    groups
        n, the objects that were calibrated on.
    coverage
        The nominal coverage, in (0, 1).
    level
        Probability that the interval holds, half of the rest in each tail.
    """
    k = math.ceil((groups + 1) * coverage - 1e-9)
    if k > groups:
        return Interval(1.0, 1.0, 1.0, level)
    low, high = (beta_quantile(q, k, groups + 1 - k) for q in (0.5 - level / 2, 0.5 + level / 2))
    return Interval(k / (groups + 1), low, high, level)
