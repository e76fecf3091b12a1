"""What so few images leave open: intervals for shares, and the bootstrap over groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ai_models.core.rng import generator
from ai_models.metrics.classification import Floats
from ai_models.metrics.special import beta_quantile, normal_quantile, student_quantile

__all__ = [
    "Interval",
    "clopper_pearson",
    "group_draws",
    "grouped_bootstrap",
    "grouped_bootstrap_many",
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


def group_draws(groups: ArrayLike, *, draws: int, seed: int) -> Iterator[NDArray[np.intp]]:
    """Yield `draws` times the row indices of as many groups as there are, drawn with replacement.

    Parameters
    ----------
    groups
        (n,), any sortable values. What is drawn depends on which rows stand together, in the order in which the
        groups first appear, and not on how the groups are called.
    """
    _, first, member = np.unique(np.asarray(groups), return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    member = rank[member]
    rows = np.argsort(member, kind="stable")
    size = np.bincount(member, minlength=len(first))
    start = np.concatenate([[0], np.cumsum(size)[:-1]]).astype(np.intp)
    rng = generator(seed, "grouped bootstrap", len(member), len(first))
    for _ in range(draws):
        chosen = rng.integers(0, len(first), len(first))
        lengths = size[chosen]
        ends = np.cumsum(lengths)
        within = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
        yield rows[np.repeat(start[chosen], lengths) + within]


def grouped_bootstrap_many(
    statistics: Callable[[NDArray[np.intp]], Floats], groups: ArrayLike, *, draws: int, seed: int, level: float = 0.95
) -> list[Interval]:
    """Return the percentile interval of each of m statistics, all from the same draws of whole groups.

    Parameters
    ----------
    statistics
        Row indices -> float64 (m,). It is called with all rows for the estimates, then once a draw.
    groups
        (n,), the group of each row.
    draws
        How many times the groups are resampled.
    seed
        Of the draws.
    level
        Confidence level, in (0, 1).

    Notes
    -----
    Draws on which a statistic is NaN (no row of a class was drawn, say) are left out for that statistic; where more
    than half are NaN, so are its ends. Efron's percentile interval is too narrow for few groups and has no width
    where every group agrees: for a share take `grouped_share` beside it.
    """
    n = len(np.asarray(groups))
    estimates = np.asarray(statistics(np.arange(n)), dtype=np.float64)
    if n == 0:
        return [Interval(float(e), float("nan"), float("nan"), level) for e in estimates]
    table = np.stack([statistics(rows) for rows in group_draws(groups, draws=draws, seed=seed)])
    return [_percentile(float(e), column, level) for e, column in zip(estimates, table.T, strict=True)]


def grouped_bootstrap(
    statistic: Callable[[NDArray[np.intp]], float], groups: ArrayLike, *, draws: int, seed: int, level: float = 0.95
) -> Interval:
    """Return the percentile interval of one statistic under resampling of whole groups.

    See `grouped_bootstrap_many` for the parameters and for what a percentile interval is worth.
    """
    return grouped_bootstrap_many(
        lambda rows: np.array([statistic(rows)]), groups, draws=draws, seed=seed, level=level
    )[0]


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


def grouped_share(hits: ArrayLike, groups: ArrayLike, level: float = 0.95) -> Interval:
    """Return an exact-style interval of a share of rows, where rows of one group depend on each other.

    Parameters
    ----------
    hits
        bool (n,).
    groups
        (n,), any sortable values.

    Notes
    -----
    `clopper_pearson` at the effective number of rows ``p (1 - p) / variance`` with the cluster-robust variance and
    Student's t for few groups, at most n and at least 1; where all rows agree, the number of groups
    (Korn and Graubard, Survey Methodology 24, 1998).
    """
    right = np.asarray(hits, dtype=np.float64)
    n = len(right)
    if n == 0:
        return Interval(float("nan"), 0.0, 1.0, level)
    share = float(right.mean())
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    count = int(member.max()) + 1
    effective = float(count)
    if 0 < share < 1 and count > 1:
        sums = np.bincount(member, weights=right - share)
        variance = count / (count - 1) * float((sums**2).sum()) / n**2
        t = 0.5 + level / 2
        shrink = (student_quantile(t, n - 1) / student_quantile(t, count - 1)) ** 2
        effective = min(float(n), share * (1 - share) / variance * shrink) if variance > 0 else float(n)
    effective = max(1.0, effective)
    return clopper_pearson(share * effective, effective, level)._replace(estimate=share)


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


def _percentile(estimate: float, values: Floats, level: float) -> Interval:
    there = values[~np.isnan(values)]
    if len(there) * 2 < len(values) or not len(there):
        return Interval(estimate, float("nan"), float("nan"), level)
    low, high = np.quantile(there, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high), level)
