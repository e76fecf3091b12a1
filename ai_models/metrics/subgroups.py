"""Whether errors gather in some kind of object: exact tests, and what looking at many kinds costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stratum", "excess_p", "tarone"]


class Stratum(NamedTuple):
    """Objects of one class.

    Attributes
    ----------
    objects, wrong
        How many, and how many of them are wrong.
    of_kind, wrong_of_kind
        How many are of the kind, and how many of these are wrong.
    """

    objects: int
    wrong: int
    of_kind: int
    wrong_of_kind: int


def excess_p(strata: Sequence[Stratum]) -> tuple[float, float]:
    """Return the chance that errors gather in the kind as much or more, and the least chance that could come out.

    Given how many objects of each class are wrong and how many are of the kind, the wrong ones of the kind are
    hypergeometric where the kind does not matter; classes are independent, so their sum is the convolution: Fisher's
    exact test, one-sided, over strata (Gart, Biometrika 57, 1970).

    Parameters
    ----------
    strata
        One a class; a class in which all or none are wrong or of the kind adds nothing.

    Returns
    -------
    p, least
        Both in (0, 1]; ``least`` is the p-value when as many wrong ones as possible are of the kind.
    """
    sums, observed = np.ones(1), 0
    for s in strata:
        low = max(0, s.wrong + s.of_kind - s.objects)
        sums = np.convolve(sums, _hypergeometric(s))
        observed += s.wrong_of_kind - low
    return min(1.0, float(sums[observed:].sum())), min(1.0, float(sums[-1]))


def tarone(p_values: Sequence[float], least: Sequence[float], level: float = 0.05) -> NDArray[np.float64]:
    """Return p-values corrected for how many hypotheses were looked at, float64 (m,).

    A hypothesis whose least attainable p-value is too large could never be rejected and costs the others nothing:
    the factor is the least K such that at most K of them can reach ``level / K`` (Tarone, Biometrics 46, 1990).
    """
    attainable = np.asarray(least, dtype=np.float64)
    factor = 1
    while (attainable <= level / factor).sum() > factor:
        factor += 1
    testable = attainable <= level / factor
    return np.where(testable, np.minimum(1.0, np.asarray(p_values, dtype=np.float64) * factor), 1.0)


def _hypergeometric(s: Stratum) -> NDArray[np.float64]:
    """Return the chances of each possible number of wrong ones of the kind, from the least up."""
    low, high = max(0, s.wrong + s.of_kind - s.objects), min(s.wrong, s.of_kind)
    logs = [
        _log_choose(s.wrong, x) + _log_choose(s.objects - s.wrong, s.of_kind - x) - _log_choose(s.objects, s.of_kind)
        for x in range(low, high + 1)
    ]
    return np.asarray(np.exp(np.array(logs)), dtype=np.float64)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
