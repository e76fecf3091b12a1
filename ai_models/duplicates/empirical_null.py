"""What the evidence of different objects looks like in this very folder, and from where on it means one object.

Two groups of pairs (Efron, "Size, power and false discovery rates", 2007): different objects, whose evidence is
half-normal around zero, and one object, whose evidence is normal around its own mean. Both are estimated from the
folder's own registrable pairs by expectation maximisation; a little prior knowledge, worth a few pairs, stands in
where the folder has few. In a folder of pieces from one mould different objects agree far more than elsewhere, and the
level rises by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

__all__ = ["EmpiricalNull"]

_LEVEL = 0.5  # a pair is joined where one object is the likelier explanation
_STEPS = 200
# Prior knowledge, and how many pairs it is worth.
_NULL_SPREAD, _NULL_WORTH = 0.08, 30.0
_SAME_MEAN, _SAME_SPREAD, _SAME_WORTH = 0.65, 0.15, 10.0
_SHARE_WORTH = 1.0


@dataclass(frozen=True)
class EmpiricalNull:
    """The two groups of pairs of one folder.

    Attributes
    ----------
    pairs
        Registrable pairs that it was estimated from.
    null_spread
        Scale of the half-normal evidence of different objects.
    same_mean, same_spread
        Of the evidence of one object. The spread is never below its prior: the copies of a folder may all be of one
        kind, the next one need not be.
    same_share
        Share of the pairs that show one object.
    threshold
        Evidence from which a pair is taken for one object: there its local false discovery rate has fallen to one
        half, and of so many pairs of different objects not one in two folders would reach it.
    """

    pairs: int
    null_spread: float
    same_mean: float
    same_spread: float
    same_share: float
    threshold: float

    @classmethod
    def fit(cls, evidence: ArrayLike) -> EmpiricalNull:
        """Estimate the two groups.

        Parameters
        ----------
        evidence
            float (m,), in [0, 1]: of every registrable pair of the folder; m may be 0.
        """
        x = np.sort(np.asarray(evidence, dtype=np.float64))
        null, mean, spread, share = _NULL_SPREAD, _SAME_MEAN, _SAME_SPREAD, 0.5
        for _ in range(_STEPS):
            same = 1.0 - _false_discovery(x, null, mean, spread, share)
            n_same, n_null = float(same.sum()), float((1 - same).sum())
            before = (null, mean, spread, share)
            null = math.sqrt(
                (_NULL_WORTH * _NULL_SPREAD**2 + float(((1 - same) * x**2).sum())) / (_NULL_WORTH + n_null)
            )
            mean = (_SAME_WORTH * _SAME_MEAN + float((same * x).sum())) / (_SAME_WORTH + n_same)
            around = _SAME_WORTH * _SAME_SPREAD**2 + float((same * (x - mean) ** 2).sum())
            spread = max(_SAME_SPREAD, math.sqrt(around / (_SAME_WORTH + n_same)))
            share = (_SHARE_WORTH + n_same) / (2 * _SHARE_WORTH + n_same + n_null)
            if max(abs(b - a) for a, b in zip(before, (null, mean, spread, share), strict=True)) < 1e-9:
                break
        likelier = _likelier(null, mean, spread, share)
        beyond_all = null * float(ndtri(1 - _LEVEL / 2 / (len(x) + _NULL_WORTH)))
        return cls(len(x), null, mean, spread, share, max(likelier, beyond_all))

    def false_discovery(self, evidence: ArrayLike) -> NDArray[np.float64]:
        """Return the local false discovery rate: the probability that pairs of this evidence show different objects.

        It does not rise with the evidence.
        """
        x = np.minimum(np.asarray(evidence, dtype=np.float64), self.same_mean)
        rates = _false_discovery(x, self.null_spread, self.same_mean, self.same_spread, self.same_share)
        return np.asarray(rates)


def _false_discovery(
    x: NDArray[np.float64], null: float, mean: float, spread: float, share: float
) -> NDArray[np.float64]:
    different = math.log(1 - share) + math.log(2 / null) - (x / null) ** 2 / 2
    # the evidence lies in [0, 1]: what the normal has outside is not there
    kept = max(float(ndtr((1 - mean) / spread) - ndtr(-mean / spread)), 1e-9)
    same = math.log(share) - math.log(spread * kept) - ((x - mean) / spread) ** 2 / 2
    return np.asarray(1.0 / (1.0 + np.exp(np.clip(same - different, -700, 700))))


def _likelier(null: float, mean: float, spread: float, share: float) -> float:
    """Return the evidence from which one object is the likelier explanation."""
    grid = np.linspace(0.0, mean, 2001)
    rates = _false_discovery(grid, null, mean, spread, share)
    above = np.flatnonzero(rates > _LEVEL)
    return float(grid[min(above[-1] + 1, len(grid) - 1)]) if above.size else float(grid[0])
