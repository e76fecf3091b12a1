"""Whether one model is better than another on the same rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ai_models.metrics.classification import Floats

__all__ = ["PairedDifference", "paired_difference"]


class PairedDifference(NamedTuple):
    """Mean of loss A minus loss B over rows.

    Attributes
    ----------
    mean
        Below 0 where A is the better.
    se
        Its cluster-robust standard error; infinite where there is a single group.
    groups
        How many groups carried it.
    """

    mean: float
    se: float
    groups: int

    @property
    def z(self) -> float:
        """``mean / se``; 0 where both are 0."""
        return (
            0.0
            if self.mean == 0
            else float(np.float64(self.mean) / self.se)
            if self.se
            else np.copysign(np.inf, self.mean)
        )


def paired_difference(loss_a: Floats, loss_b: Floats, groups: ArrayLike) -> PairedDifference:
    """Compare two losses row by row, letting rows of one group depend on each other.

    Parameters
    ----------
    loss_a, loss_b
        float (n,), a loss of each model on each row; n >= 1.
    groups
        (n,), any sortable values.

    Notes
    -----
    With D_g the sum of ``a - b - mean`` over group g of G, the variance of the mean is
    ``G / (G - 1) * sum(D_g^2) / n^2`` (Liang and Zeger, Biometrika 73, 1986; the ratio-estimator form).
    """
    difference = np.asarray(loss_a, dtype=np.float64) - np.asarray(loss_b, dtype=np.float64)
    n = len(difference)
    if n == 0:
        raise ValueError("expected at least one row to compare, got none")
    mean = float(difference.mean())
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(member, weights=difference - mean)
    count = len(sums)
    if count < 2:
        return PairedDifference(mean, float("inf"), count)
    se = float(np.sqrt(count / (count - 1) * (sums**2).sum()) / n)
    return PairedDifference(mean, se, count)
