"""The Brier score in parts: how far the probabilities are off, how much they tell, how hard the question is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ai_models.core.rng import generator
from ai_models.metrics.calibration import brier_losses
from ai_models.metrics.classification import Floats, Ints

__all__ = ["BrierParts", "BrierRows", "brier_parts", "brier_parts_floor", "brier_rows", "isotonic_fit"]

_WORK = 2_000_000  # rows times classes times draws of a simulation


class BrierParts(NamedTuple):
    """``score = reliability - resolution + uncertainty``, exactly; each part >= 0.

    Attributes
    ----------
    score
        The multi-class Brier score, in [0, 2].
    reliability
        What recalibration would take off (lower is better).
    resolution
        What the recalibrated probabilities tell beyond the classes' shares (higher is better).
    uncertainty
        The score of always stating the classes' shares, in [0, 1): how hard the question is.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float


@dataclass(frozen=True)
class BrierRows:
    """The parts row by row, float64 (n,) each: their means are `BrierParts`."""

    reliability: Floats
    resolution: Floats
    uncertainty: Floats


def isotonic_fit(x: Floats, y: Floats) -> Floats:
    """Return the least-squares fit of y that never falls where x grows, equal where x is equal.

    Pool adjacent violators (Ayer et al., Annals of Mathematical Statistics 26, 1955).

    Parameters
    ----------
    x, y
        float (n,).

    Returns
    -------
    ndarray
        float64 (n,), in the order of `x`.
    """
    _, place, size = np.unique(x, return_inverse=True, return_counts=True)
    total = np.bincount(place, weights=y)
    sums: list[float] = []
    weights: list[float] = []
    widths: list[float] = []
    for value, weight in zip(total.tolist(), size.tolist(), strict=True):
        sums.append(value)
        weights.append(weight)
        widths.append(1)
        while len(sums) > 1 and sums[-2] * weights[-1] >= sums[-1] * weights[-2]:
            for stack in (sums, weights, widths):  # the last block falls below the one before: one block
                last = stack.pop()
                stack[-1] += last
    level = np.array(sums) / np.array(weights)
    return np.asarray(np.repeat(level, np.array(widths, dtype=np.int64))[place], dtype=np.float64)


def brier_rows(y: Ints, p: Floats) -> BrierRows:
    """Split the Brier score of every row.

    Each class's probability is recalibrated by isotonic regression of "is this class" on it, and the score of the
    recalibrated ones stands between: reliability = score - theirs, resolution = that of the classes' shares - theirs
    (CORP; Dimitriadis, Gneiting and Jordan, PNAS 118, 2021), summed over classes. No bins are chosen, and the parts of
    each class are >= 0.

    Parameters
    ----------
    y
        int (n,), in [0, k); n >= 1.
    p
        float (n, k), rows sum to 1.
    """
    truth = np.eye(p.shape[1])[y]
    mended = np.stack([isotonic_fit(p[:, c], truth[:, c]) for c in range(p.shape[1])], axis=1)
    theirs = ((mended - truth) ** 2).sum(axis=1)
    plain = ((truth.mean(axis=0) - truth) ** 2).sum(axis=1)
    return BrierRows(brier_losses(y, p) - theirs, plain - theirs, plain)


def brier_parts(y: Ints, p: Floats) -> BrierParts:
    """Return the parts of the Brier score; see `brier_rows`. All NaN for no rows.

    Reliability and resolution are both biased upwards by the same amount where rows are few, for the recalibration is
    fitted to the rows that it is judged on: `brier_parts_floor` says by how much.
    """
    if not len(y):
        return BrierParts(*[float("nan")] * 4)
    rows = brier_rows(y, p)
    means = [float(part.mean()) for part in (rows.reliability, rows.resolution, rows.uncertainty)]
    return BrierParts(means[0] - means[1] + means[2], *means)


def brier_parts_floor(
    p: Floats, groups: ArrayLike | None = None, *, dependence: float = 0.0, seed: int, draws: int = 200
) -> tuple[float, float]:
    """Return the reliability that a perfectly calibrated model with these probabilities shows: mean and 95 % quantile.

    Labels are drawn from p itself, as for `ai_models.metrics.ece_floor`; fewer times where p is large.

    Parameters
    ----------
    p
        float (n, k), rows sum to 1.
    groups, dependence
        Rows of one group follow one draw with this correlation, as there.
    seed, draws
        Of the labels.
    """
    if not len(p):
        return float("nan"), float("nan")
    member = np.arange(len(p)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    rng = generator(seed, "brier parts floor", *p.shape)
    steps = np.cumsum(p, axis=1)
    seen = []
    for _ in range(max(20, min(draws, _WORK // p.size))):
        own, shared = rng.random(len(p)), rng.random(len(p))[member]
        drawn = np.where(rng.random(len(p)) < np.sqrt(dependence), shared, own)
        y = np.minimum((drawn[:, None] > steps).sum(axis=1), p.shape[1] - 1)
        seen.append(float(brier_rows(y, p).reliability.mean()))
    return float(np.mean(seen)), float(np.quantile(seen, 0.95))
