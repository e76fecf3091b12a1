"""How far probabilities can be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ai_models.core.rng import generator
from ai_models.metrics.classification import Floats, Ints

__all__ = [
    "EceFloor",
    "ReliabilityBins",
    "brier",
    "brier_losses",
    "ece",
    "ece_floor",
    "nll",
    "nll_losses",
    "reliability",
]

_SMALLEST = 1e-12


@dataclass(frozen=True)
class ReliabilityBins:
    """Rows by confidence, in bins of equal width.

    Attributes
    ----------
    edges
        float64 (bins + 1,), from 0 to 1.
    count
        int64 (bins,), rows of each bin; the sum is n.
    confidence, accuracy
        float64 (bins,), mean confidence and share right; NaN where a bin is empty.
    """

    edges: Floats
    count: Ints
    confidence: Floats
    accuracy: Floats


class EceFloor(NamedTuple):
    """Errors of a perfectly calibrated model: their mean, and what 95 % and 97.5 % of samples stay below."""

    mean: float
    q95: float
    q975: float


def nll_losses(y: Ints, p: Floats) -> Floats:
    """Return ``-log p[i, y[i]]`` of each row in nats, float64 (n,); p is clipped to at least 1e-12."""
    return np.asarray(-np.log(np.clip(p[np.arange(len(y)), y], _SMALLEST, 1.0)) + 0.0, dtype=np.float64)


def nll(y: Ints, p: Floats) -> float:
    """Return the mean negative log-likelihood in nats, >= 0; NaN for no rows.

    Parameters
    ----------
    y
        int (n,), in [0, k).
    p
        float (n, k), rows sum to 1.
    """
    return float(nll_losses(y, p).mean()) if len(y) else float("nan")


def brier_losses(y: Ints, p: Floats) -> Floats:
    """Return the squared distance of each row of p from its one-hot label, float64 (n,), in [0, 2]."""
    return np.asarray((p * p).sum(axis=1) - 2 * p[np.arange(len(y)), y] + 1.0, dtype=np.float64)


def brier(y: Ints, p: Floats) -> float:
    """Return the Brier score: squared differences summed over classes, averaged over rows, in [0, 2].

    The original multi-class form (Brier, Monthly Weather Review 78, 1950); for two classes it is twice the
    two-class form that some libraries print. NaN for no rows.
    """
    return float(brier_losses(y, p).mean()) if len(y) else float("nan")


def reliability(y: Ints, p: Floats, bins: int = 15) -> ReliabilityBins:
    """Sort rows into `bins` bins of equal width by their largest probability.

    A bin is open below and closed above, the first closed on both sides, so every row falls in exactly one.
    """
    return _bins(p.max(axis=1), p.argmax(axis=1) == np.asarray(y), bins)


def ece(y: Ints, p: Floats, bins: int = 15) -> float:
    """Return the expected calibration error of the top label, in [0, 1]; NaN for no rows.

    ``sum over bins of (rows / n) |accuracy - confidence|``, equal-width bins (Guo et al., ICML 2017). It is biased
    upwards where rows are few: print `ece_floor` beside it.
    """
    if not len(y):
        return float("nan")
    return _error(reliability(y, p, bins), len(y))


def ece_floor(
    p: Floats, groups: ArrayLike | None = None, *, dependence: float = 0.0, bins: int = 15, seed: int, draws: int = 200
) -> EceFloor:
    """Return what `ece` shows of a perfectly calibrated model with these probabilities.

    Whether a row is right is drawn with its own confidence, so that calibration is perfect and what remains is the
    small sample (consistency resampling; Bröcker and Smith, Weather and Forecasting 22, 2007).

    Parameters
    ----------
    p
        float (n, k), rows sum to 1.
    groups
        (n,), rows of one group are right or wrong together with correlation `dependence`; independent where None.
    dependence
        In [0, 1], as `within_group_correlation` gives it.
    bins
        As for `ece`.
    seed
        Of the draws.
    draws
        How many times labels are drawn.
    """
    n = len(p)
    if not n:
        return EceFloor(*[float("nan")] * 3)
    confidence = p.max(axis=1)
    member = np.arange(n) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    rng = generator(seed, "ece floor", n, bins)
    errors = []
    for _ in range(draws):
        own, shared = rng.random(n), rng.random(n)[member]
        # a row follows its group's draw with chance root(dependence), so two rows do so together with chance dependence
        drawn = np.where(rng.random(n) < np.sqrt(dependence), shared, own)
        errors.append(_error(_bins(confidence, drawn < confidence, bins), n))
    q95, q975 = np.quantile(errors, [0.95, 0.975])
    return EceFloor(float(np.mean(errors)), float(q95), float(q975))


def _bins(confidence: Floats, right: np.ndarray, bins: int) -> ReliabilityBins:
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins).astype(np.int64, copy=False)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(place, weights=confidence, minlength=bins) / count
        share = np.bincount(place, weights=right, minlength=bins) / count
    return ReliabilityBins(edges, count, mean, share)


def _error(table: ReliabilityBins, n: int) -> float:
    held = table.count > 0
    return float((table.count[held] / n * np.abs(table.accuracy[held] - table.confidence[held])).sum())
