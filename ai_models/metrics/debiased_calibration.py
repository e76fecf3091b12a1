"""The calibration error without the part that a small sample adds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ai_models.metrics.classification import Floats, Ints
from ai_models.metrics.intervals import Interval
from ai_models.metrics.special import normal_quantile, student_quantile

__all__ = ["rms_calibration_error", "within_group_correlation"]


def within_group_correlation(y: Ints, p: Floats, groups: ArrayLike) -> float:
    """Return how far rows of one group are right or wrong together beyond their confidence, in [0, 1].

    The mean product of "right less confidence" over pairs of rows of one group, over its mean square; 0 without pairs.
    """
    gap = _gaps(y, p)
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    size, sums = np.bincount(member), np.bincount(member, weights=gap)
    pairs = float((size * (size - 1)).sum())
    square = float((gap**2).mean()) if len(gap) else 0.0
    if not pairs or not square:
        return 0.0
    return float(np.clip(((sums**2).sum() - (gap**2).sum()) / pairs / square, 0.0, 1.0))


def rms_calibration_error(y: Ints, p: Floats, groups: ArrayLike, *, level: float = 0.95) -> Interval:
    """Return the debiased root-mean-square calibration error of the top label and its interval.

    In bins of equal count by confidence, the squared gap between confidence and share right is estimated without bias
    from pairs of rows of different groups: ``mean of r_i r_j`` with r = right - confidence (Kumar, Liang and Ma,
    NeurIPS 2019, debias the same square for independent rows). The mean over bins is unbiased; it may fall below 0,
    where its root is taken for 0. It is never below the calibration error of the same bins (`ece` takes the mean of
    the gaps, this one the root of their mean square).

    Parameters
    ----------
    y
        int (n,).
    p
        float (n, k), rows sum to 1.
    groups
        (n,), any sortable values. One bin for ten of them, at most ten.
    level
        Of the interval.

    Notes
    -----
    With w the bins' shares and v the variances of their gaps, the estimate U of the square s has variance
    ``2 sum (w v)^2 + 4 s sum(w^2 v)`` where the gaps are alike; the interval holds every s of which U is within z
    standard deviations (a score interval). v is cluster-robust, and at least what the confidences themselves say.
    All NaN where there are fewer than two groups.
    """
    gap, confidence = _gaps(y, p), p.max(axis=1) if len(p) else np.empty(0)
    member = np.unique(np.asarray(groups), return_inverse=True)[1]
    number = int(member.max()) + 1 if len(member) else 0
    if number < 2:
        return Interval(float("nan"), float("nan"), float("nan"), level)
    bins = max(1, min(10, number // 10))
    edges = np.quantile(confidence, np.arange(1, bins) / bins)
    place = np.searchsorted(edges, confidence, side="left")
    found = [_squared_gap(gap[place == b], member[place == b], confidence[place == b]) for b in range(bins)]
    share = np.array([f[0] for f in found]) / sum(f[0] for f in found)
    square, spread = (np.array([f[i] for f in found]) for i in (1, 2))
    estimate, noise = float(share @ square), 2 * float(((share * spread) ** 2).sum())
    slope, z = 2 * float((share**2) @ spread), normal_quantile(0.5 + level / 2)  # 4 s v = 2 s slope
    heavy = student_quantile(0.5 + level / 2, max(2, bins))  # a sum of few squares has a long upper tail

    def end(quantile: float) -> float:
        half = np.sqrt(max(0.0, noise + 2 * slope * estimate + (quantile * slope) ** 2))
        return float(np.sqrt(max(0.0, estimate + quantile**2 * slope + quantile * half)))

    return Interval(float(np.sqrt(max(0.0, estimate))), end(-heavy), end(z), level)


def _gaps(y: Ints, p: Floats) -> Floats:
    """Return right less confidence of each row."""
    if not len(p):
        return np.empty(0)
    return np.asarray((p.argmax(axis=1) == np.asarray(y)) - p.max(axis=1), dtype=np.float64)


def _squared_gap(gap: Floats, member: Ints, confidence: Floats) -> tuple[int, float, float]:
    """Return a bin's rows, the unbiased square of its gap, its mean gap's variance; zeros where there is no pair."""
    _, member = np.unique(member, return_inverse=True)
    if not len(gap) or member.max() < 1:
        return 0, 0.0, 0.0
    n, size = len(gap), np.bincount(member)
    sums = np.bincount(member, weights=gap)
    square = (sums.sum() ** 2 - (sums**2).sum()) / (n**2 - (size**2).sum())
    centred = sums - gap.mean() * size
    robust = len(size) / (len(size) - 1) * (centred**2).sum() / n**2
    stated = (np.bincount(member, weights=confidence * (1 - confidence))).sum() / n**2
    return n, float(square), float(max(robust, stated))
