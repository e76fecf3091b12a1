"""The mean of losses, most of which are small and a few large."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ai_models.metrics.intervals import Interval
from ai_models.metrics.special import student_quantile

__all__ = ["skewed_mean"]


def skewed_mean(values: ArrayLike, groups: ArrayLike, level: float = 0.95) -> Interval:
    """Return the interval of a mean over rows that allows for a skewed distribution of its groups.

    Student's t of the cluster-robust standard error, turned by Hall's cubic transformation, which takes out the
    skewness and is monotone (Hall, JRSS B 54, 1992). A sample of few objects has often not met the loss that is rare
    and large, and then both its mean and its spread are small: no resampling of it can reach as far as this does.

    Parameters
    ----------
    values
        float (n,).
    groups
        (n,), any sortable values.
    level
        Of the interval.

    Returns
    -------
    Interval
        NaN ends where there are fewer than three groups, which have no skewness.
    """
    own = np.asarray(values, dtype=np.float64)
    mean = float(own.mean()) if len(own) else float("nan")
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(member, weights=own - mean) if len(own) else np.empty(0)
    count = len(sums)
    if count < 3:
        return Interval(mean, float("nan"), float("nan"), level)
    square = float((sums**2).mean())
    if square == 0:
        return Interval(mean, mean, mean, level)
    se = np.sqrt(count / (count - 1) * count * square) / len(own)
    skewness = float((sums**3).mean()) / square**1.5 * np.sqrt(count * (count - 1)) / (count - 2)
    a, q = skewness / np.sqrt(count), student_quantile(0.5 + level / 2, count - 1)

    def turned(x: float) -> float:
        return x if abs(a) < 1e-9 else 3 * (float(np.cbrt(1 + a * (x - a / 6))) - 1) / a

    return Interval(mean, float(mean - se * turned(q)), float(mean - se * turned(-q)), level)
