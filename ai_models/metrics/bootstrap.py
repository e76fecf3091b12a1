"""What so few images leave open: the bootstrap over whole groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ai_models.core.rng import generator
from ai_models.metrics.classification import Floats
from ai_models.metrics.intervals import Interval
from ai_models.metrics.special import student_quantile

__all__ = ["group_draws", "grouped_bootstrap", "grouped_bootstrap_many"]


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
    than half are NaN, so are its ends, and so they are where all rows are one group. The tails are those of the
    expanded percentile interval (Hesterberg, The American Statistician 69, 2015), for Efron's is too narrow for few
    groups. No percentile interval has a width where every group agrees: for a share take `grouped_share`.
    """
    n = len(np.asarray(groups))
    estimates = np.asarray(statistics(np.arange(n)), dtype=np.float64)
    if n == 0:
        return [Interval(float(e), float("nan"), float("nan"), level) for e in estimates]
    table = np.stack([statistics(rows) for rows in group_draws(groups, draws=draws, seed=seed)])
    number = len(np.unique(np.asarray(groups)))
    return [_percentile(float(e), column, level, number) for e, column in zip(estimates, table.T, strict=True)]


def grouped_bootstrap(
    statistic: Callable[[NDArray[np.intp]], float], groups: ArrayLike, *, draws: int, seed: int, level: float = 0.95
) -> Interval:
    """Return the percentile interval of one statistic under resampling of whole groups.

    See `grouped_bootstrap_many` for the parameters and for what a percentile interval is worth.
    """
    return grouped_bootstrap_many(
        lambda rows: np.array([statistic(rows)]), groups, draws=draws, seed=seed, level=level
    )[0]


def _percentile(estimate: float, values: Floats, level: float, groups: int) -> Interval:
    there = values[~np.isnan(values)]
    if len(there) * 2 < len(values) or not len(there) or groups < 2:
        return Interval(estimate, float("nan"), float("nan"), level)
    tail = _expanded_tail((1 - level) / 2, groups)
    low, high = np.quantile(there, [tail, 1 - tail])
    return Interval(estimate, float(low), float(high), level)


def _expanded_tail(tail: float, groups: int) -> float:
    """Return the tail that makes a percentile interval as wide as Student's t would have it."""
    return NormalDist().cdf(-math.sqrt(groups / (groups - 1)) * student_quantile(1 - tail, groups - 1))
