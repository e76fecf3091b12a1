"""What so few images leave open: intervals for shares and for sums of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ai_models.metrics.classification import Floats
from ai_models.metrics.special import beta_quantile, normal_quantile, student_quantile

__all__ = [
    "Interval",
    "clopper_pearson",
    "fold_inflation",
    "grouped_share",
    "square_and_add",
    "wilson",
]


class Interval(NamedTuple):
    """An estimate and the interval about it.

    Attributes
    ----------
    estimate, low, high
        NaN where there was nothing to estimate from; ``low <= high``.
    level
        Confidence level, in (0, 1).
    """

    estimate: float
    low: float
    high: float
    level: float = 0.95

    def __str__(self) -> str:
        """Return ``0.900 [0.840, 0.950]``, a dash where there is no estimate."""
        if math.isnan(self.estimate):
            return "–"
        if math.isnan(self.low):
            return f"{self.estimate:.3f} [no interval]"
        return f"{self.estimate:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def hull(self, other: Interval) -> Interval:
        """Return this estimate with the wider of the two intervals at each end; NaN ends are passed over."""
        return self._replace(low=float(np.fmin(self.low, other.low)), high=float(np.fmax(self.high, other.high)))

    def stretched(self, factor: float) -> Interval:
        """Return the interval with both ends `factor` times as far from the estimate."""
        low, high = (self.estimate + factor * (end - self.estimate) for end in (self.low, self.high))
        return self._replace(low=low, high=high)

    def within(self, lowest: float, highest: float) -> Interval:
        """Return the interval with its ends cut to where the figure can lie; NaN ends stay."""
        low, high = (float(np.clip(end, lowest, highest)) for end in (self.low, self.high))
        return self._replace(low=low, high=high)


def wilson(successes: float, n: float, level: float = 0.95) -> Interval:
    """Return the score interval of a share (Wilson, JASA 22, 1927); [0, 1] and NaN for n = 0."""
    if n <= 0:
        return Interval(float("nan"), 0.0, 1.0, level)
    z2 = normal_quantile(0.5 + level / 2) ** 2
    share = successes / n
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    low = 0.0 if successes <= 0 else max(0.0, centre - half)
    high = 1.0 if successes >= n else min(1.0, centre + half)
    return Interval(share, low, high, level)


def clopper_pearson(successes: float, n: float, level: float = 0.95) -> Interval:
    """Return the exact binomial interval of a share (Clopper and Pearson, Biometrika 26, 1934).

    It covers at least at its level at every n. `n` need not be whole (an effective number of rows); [0, 1] and NaN
    for n = 0.
    """
    if n <= 0:
        return Interval(float("nan"), 0.0, 1.0, level)
    tail = (1 - level) / 2
    low = 0.0 if successes <= 0 else beta_quantile(tail, successes, n - successes + 1)
    high = 1.0 if successes >= n else beta_quantile(1 - tail, successes + 1, n - successes)
    return Interval(successes / n, low, high, level)


def grouped_share(
    hits: ArrayLike, groups: ArrayLike, level: float = 0.95, *, weights: ArrayLike | None = None, inflation: float = 1.0
) -> Interval:
    """Return an exact-style interval of a share of rows, where rows of one group depend on each other.

    Parameters
    ----------
    hits
        bool (n,).
    groups
        (n,), any sortable values.
    weights
        float (n,), > 0, how much each row counts, such as one over the rows of its class for the mean over classes;
        all alike where None.
    inflation
        By how much the variance of the share exceeds that of independent groups, >= 1: `fold_inflation` for
        predictions out of fold.

    Notes
    -----
    `clopper_pearson` at the effective number of rows ``p (1 - p) / variance`` with the cluster-robust variance and
    Student's t for few groups, at least 1 and at most what the weights leave of n; where all rows agree, what they
    leave of the number of groups (Korn and Graubard, Survey Methodology 24, 1998; Kish's effective number).
    """
    right = np.asarray(hits, dtype=np.float64)
    n = len(right)
    if n == 0:
        return Interval(float("nan"), 0.0, 1.0, level)
    weight = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    weight = weight / weight.sum()
    share = float(right.mean() if weights is None else weight @ right)
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    count = int(member.max()) + 1
    most, unanimous = _kish(weight), _kish(np.bincount(member, weights=weight).astype(np.float64)) / inflation
    if right.min() == right.max():
        share, effective = float(right[0]), unanimous
    elif count == 1:
        effective = 1.0
    else:
        sums = np.bincount(member, weights=weight * (right - share))
        variance = inflation * count / (count - 1) * float((sums**2).sum())
        t = 0.5 + level / 2
        shrink = (student_quantile(t, n - 1) / student_quantile(t, count - 1)) ** 2
        effective = min(most, share * (1 - share) / variance * shrink) if variance > 0 else most
    effective = max(1.0, effective)
    return clopper_pearson(share * effective, effective, level)._replace(estimate=share)


def fold_inflation(folds: int) -> float:
    """Return by how much predictions out of k folds leave more open than those of as many held-out groups, k / (k - 1).

    The folds' models share training rows and are fitted on fewer of them than the shipped one, so the share that is
    right varies about the shipped model's accuracy by more than its groups alone explain. No unbiased estimate of that
    variance exists (Bengio and Grandvalet, JMLR 5, 2004); this factor is what ``benchmarks/intervals.py`` supports.
    """
    return folds / (folds - 1)


def square_and_add(parts: Sequence[Interval], weights: Sequence[float] | None = None) -> Interval:
    """Return the interval of a weighted sum of independent estimates from their own intervals.

    ``low = sum(w e) - sqrt(sum((w (e - low_i))^2))`` and so for high (Zou and Donner, Statistics in Medicine 27,
    2008), by default with equal weights that sum to 1: the mean. Weights are >= 0; parts that are NaN are left out.
    """
    weight = np.full(len(parts), 1.0) if weights is None else np.asarray(weights, dtype=np.float64)
    table = np.array([[p.estimate, p.low, p.high] for p in parts], dtype=np.float64).reshape(-1, 3)
    there = ~np.isnan(table[:, 0])
    if not there.any():
        return Interval(float("nan"), float("nan"), float("nan"), parts[0].level if parts else 0.95)
    weight, table = weight[there], table[there]
    if weights is None:
        weight = weight / weight.sum()
    centre = float(weight @ table[:, 0])
    below, above = (math.sqrt(float(((weight * (table[:, 0] - table[:, i])) ** 2).sum())) for i in (1, 2))
    return Interval(centre, centre - below, centre + above, parts[0].level)


def _kish(weights: Floats) -> float:
    return float(weights.sum() ** 2 / (weights**2).sum())
