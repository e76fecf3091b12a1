"""Is a photograph worse than any that was trained on? A p-value of its quality, and what is wrong with it."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from ai_models.core.quality_levels import NORMAL, QUALITY_COLUMNS, fault_words
from ai_models.ensemble.conformal import ConformalReference

__all__ = ["PhotographQuality", "QualityTest"]

_SHARE = 0.2
"""Of the stated false-alarm rate: what quality may spend of it, where there are enough objects."""
_BLANK = 0.02
"""Contrast score (four grey levels) up to which there is nothing to see."""


class PhotographQuality(NamedTuple):
    """What was found of n photographs.

    Attributes
    ----------
    p_values
        float64 (n,), share of training objects whose photographs are at least as bad.
    hopeless
        bool (n,), blank or at most 16 pixels high or wide, as no training photograph is.
    faults
        What is worst about each, in a word or two.
    """

    p_values: NDArray[np.float64]
    hopeless: NDArray[np.bool_]
    faults: tuple[str, ...]


class QualityTest(BaseEstimator):
    """Hold the quality of photographs against that of the training photographs.

    A photograph is as bad as its worst kind: max over blur, brightness, contrast and resolution of 1 - score / level,
    level being the least that passes (`ai_models.core.quality_levels.NORMAL`); worse than all others where it is blank
    or tiny. Nothing of this is fitted, so training photographs need no folds to be a reference.

    Attributes
    ----------
    reference_ : ConformalReference
        How bad the training photographs are, by object.
    """

    def fit(self, quality: NDArray[np.float32], groups: ArrayLike) -> Self:
        """Keep the reference: float32 (n, 5) as `QUALITY_COLUMNS` has them, and the object (n,) of each row."""
        badness, blank = _badness(quality), _blank(quality)
        self.reference_ = ConformalReference().fit(badness, groups)
        self.seen_blank_ = bool(blank.any())
        return self

    def allowance(self, alpha: float) -> float:
        """Return the part of the false-alarm rate that quality spends.

        A fifth, or what one object is worth where that is more; nothing below 2 / alpha - 1 objects (39 for 5 %),
        where the features need all of it.
        """
        least = 1.0 / (self.reference_.n_groups_ + 1.0)
        return max(least, _SHARE * alpha) if 2.0 * least <= alpha + 1e-12 else 0.0

    def test(self, quality: NDArray[np.float32]) -> PhotographQuality:
        """Judge float32 (n, 5) rows, columns as `QUALITY_COLUMNS`."""
        blank = _blank(quality)
        p_values = self.reference_.p_value(_badness(quality))
        return PhotographQuality(p_values, blank & (not self.seen_blank_), tuple(map(_fault, quality)))


def _by_kind(quality: NDArray[np.float32]) -> NDArray[np.float64]:
    levels = np.array(list(NORMAL.values()))
    return np.asarray(1.0 - quality[:, : len(levels)].astype(np.float64) / levels)


def _blank(quality: NDArray[np.float32]) -> NDArray[np.bool_]:
    contrast, resolution = (quality[:, QUALITY_COLUMNS.index(kind)] for kind in ("contrast", "resolution"))
    return np.asarray((contrast <= _BLANK) | (resolution <= 0.0))


def _badness(quality: NDArray[np.float32]) -> NDArray[np.float64]:
    beyond = float(len(QUALITY_COLUMNS))  # scores are at least 0, so that no other photograph gets beyond 1
    return np.where(_blank(quality), beyond, _by_kind(quality).max(axis=1))


def _fault(row: NDArray[np.float32]) -> str:
    if _blank(row[None])[0]:
        return "blank" if row[QUALITY_COLUMNS.index("contrast")] <= _BLANK else "too small"
    worst = list(NORMAL)[int(_by_kind(row[None])[0].argmax())]
    return fault_words(worst, overexposed=bool(row[-1]))
