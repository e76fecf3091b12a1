"""How far probabilities can be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ai_models.core.rng import generator
from ai_models.metrics.classification import Floats, Ints

__all__ = [
    "BrierDecomposition",
    "ReliabilityBins",
    "brier",
    "brier_decomposition",
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


class BrierDecomposition(NamedTuple):
    """The top-label Brier score in parts: ``score = reliability - resolution + uncertainty + within``.

    The score is the mean of (confidence - right)^2. `within` is what binning leaves over (variance of the confidence
    inside a bin and its covariance with being right); it goes to 0 as bins narrow. Murphy, J. Appl. Meteorol. 12
    (1973); Stephenson et al., Weather and Forecasting 23 (2008) for the remainder.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float


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


def ece_floor(p: Floats, *, bins: int = 15, seed: int, draws: int = 200) -> tuple[float, float]:
    """Return what `ece` shows of a perfectly calibrated model with these probabilities.

    Labels are drawn from p itself, so that calibration is perfect and what remains is the small sample
    (consistency resampling; Bröcker and Smith, Weather and Forecasting 22, 2007).

    Parameters
    ----------
    p
        float (n, k), rows sum to 1.
    bins
        As for `ece`.
    seed
        Of the draws.
    draws
        How many label sets are drawn.

    Returns
    -------
    mean, q95
        Mean and 95 % quantile of the error over the draws; NaN for no rows.
    """
    n = len(p)
    if not n:
        return float("nan"), float("nan")
    confidence = p.max(axis=1)
    rng = generator(seed, "ece floor", n, bins)
    errors = [_error(_bins(confidence, rng.random(n) < confidence, bins), n) for _ in range(draws)]
    return float(np.mean(errors)), float(np.quantile(errors, 0.95))


def brier_decomposition(y: Ints, p: Floats, bins: int = 15) -> BrierDecomposition:
    """Split the top-label Brier score; see `BrierDecomposition`. All NaN for no rows."""
    n = len(y)
    if not n:
        return BrierDecomposition(*[float("nan")] * 5)
    confidence, right = p.max(axis=1), (p.argmax(axis=1) == np.asarray(y)).astype(np.float64)
    table = _bins(confidence, right > 0, bins)
    held = table.count > 0
    weight = table.count[held] / n
    base = float(right.mean())
    score = float(np.mean((confidence - right) ** 2))
    wrongness = float((weight * (table.confidence[held] - table.accuracy[held]) ** 2).sum())
    resolution = float((weight * (table.accuracy[held] - base) ** 2).sum())
    uncertainty = base * (1 - base)
    return BrierDecomposition(score, wrongness, resolution, uncertainty, score - (wrongness - resolution + uncertainty))


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
