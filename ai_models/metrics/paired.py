"""Whether one model is better than another on the same rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ai_models.core.rng import generator
from ai_models.metrics.classification import Floats
from ai_models.metrics.special import beta_cdf, student_quantile

__all__ = [
    "GroupWins",
    "PairedDifference",
    "detectable_difference",
    "group_wins",
    "paired_difference",
    "sign_flip_test",
]

_EXACT = 20  # groups up to which all 2^G signs are tried


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

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the ends of the interval of the mean over groups (Student's t); infinite for a single group."""
        if not np.isfinite(self.se):
            return -np.inf, np.inf
        half = student_quantile(0.5 + level / 2, self.groups - 1) * self.se
        return self.mean - half, self.mean + half


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


class GroupWins(NamedTuple):
    """In how many groups A has more rows right than B, and the other way round.

    Attributes
    ----------
    a, b
        Groups; those with as many on both sides count for neither.
    p
        Exact two-sided binomial test of "either is as likely", in (0, 1]; 1 where no group differs.
    """

    a: int
    b: int
    p: float


def sign_flip_test(differences: ArrayLike, groups: ArrayLike, *, seed: int, draws: int = 9999) -> float:
    """Return the p-value of "A and B could be exchanged in each group": two-sided sign-flip permutation test.

    The statistic is the sum of the differences; under the hypothesis the sum of each group has either sign with equal
    chance (Fisher, The Design of Experiments, 1935; by whole clusters Winkler et al., NeuroImage 92, 2014).

    Parameters
    ----------
    differences
        float (n,), what A is better by on each row, already weighted where rows weigh differently.
    groups
        (n,), any sortable values; rows of one group flip together.
    seed, draws
        Of the random signs where more than 20 groups differ; up to there every combination of signs is tried.

    Returns
    -------
    float
        In (0, 1]. Exact up to 20 groups, else ``(1 + hits) / (1 + draws)``, which is valid too.
    """
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(member, weights=np.asarray(differences, dtype=np.float64))
    sums = sums[sums != 0]
    observed = abs(float(sums.sum())) - 1e-12 * float(np.abs(sums).sum())  # equal sums may differ in the last bit
    if len(sums) <= _EXACT:
        totals = np.zeros(1)
        for size in sums.tolist():
            totals = np.concatenate([totals + size, totals - size])
        return float(np.mean(np.abs(totals) >= observed))
    rng = generator(seed, "sign flips", len(sums))
    hits = 0
    for start in range(0, draws, 1000):
        signs = rng.integers(0, 2, (min(1000, draws - start), len(sums))) * 2 - 1
        hits += int((np.abs(signs @ sums) >= observed).sum())
    return (1 + hits) / (1 + draws)


def group_wins(right_a: ArrayLike, right_b: ArrayLike, groups: ArrayLike) -> GroupWins:
    """Compare right answers group by group: McNemar's exact test where every row is a group of its own.

    Parameters
    ----------
    right_a, right_b
        bool (n,), whether A and B are right on each row.
    groups
        (n,), any sortable values.
    """
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    lead = np.bincount(member, weights=np.asarray(right_a, dtype=np.float64) - np.asarray(right_b, dtype=np.float64))
    a, b = int((lead > 0).sum()), int((lead < 0).sum())
    if a == b:
        return GroupWins(a, b, 1.0)
    fewer = min(a, b)
    return GroupWins(a, b, min(1.0, 2.0 * (1.0 - beta_cdf(0.5, fewer + 1, a + b - fewer))))


def detectable_difference(se: float, groups: int, *, level: float = 0.95, power: float = 0.8) -> float:
    """Return the difference that a two-sided test would have found with chance `power`; NaN for a single group.

    ``(t(1 - (1 - level) / 2) + t(power)) se`` with Student's t of ``groups - 1`` (Bloom, Evaluation Review 19, 1995).

    Parameters
    ----------
    se
        Standard error of the difference, as `paired_difference` gives it.
    groups
        How many groups carried it.
    """
    if groups < 2:
        return float("nan")
    return (student_quantile(0.5 + level / 2, groups - 1) + student_quantile(power, groups - 1)) * se
