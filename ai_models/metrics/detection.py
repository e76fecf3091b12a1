"""How well a score tells the unusual from the usual; higher scores = more unusual, everywhere here."""

from __future__ import annotations

import numpy as np

from ai_models.metrics.classification import Floats

__all__ = ["auroc", "fpr_at_tpr", "roc_curve"]


def auroc(inside: Floats, outside: Floats) -> float:
    """Return the chance that an outside score exceeds an inside one, ties counting half, in [0, 1].

    Parameters
    ----------
    inside, outside
        float (n,), (m,): scores of known and of foreign things, no NaN. NaN is returned where either is empty.

    Notes
    -----
    The Mann-Whitney statistic, which is the area under `roc_curve`. A value below .5 is a finding, never flipped.
    """
    if not len(inside) or not len(outside):
        return float("nan")
    ranked = np.sort(inside)
    below = np.searchsorted(ranked, outside, side="left")
    upto = np.searchsorted(ranked, outside, side="right")
    return float((below + upto).sum() / (2.0 * len(inside) * len(outside)))


def roc_curve(inside: Floats, outside: Floats) -> tuple[Floats, Floats]:
    """Return the ROC curve of "score >= threshold means foreign".

    Returns
    -------
    fpr, tpr
        float64 (t + 1,) each, t the number of distinct scores: share of inside and of outside scores at or above
        each threshold, from (0, 0) to (1, 1). Both empty where either sample is.
    """
    if not len(inside) or not len(outside):
        return np.empty(0), np.empty(0)
    thresholds = np.unique(np.concatenate([inside, outside]))[::-1]
    return _shares(inside, thresholds), _shares(outside, thresholds)


def fpr_at_tpr(inside: Floats, outside: Floats, tpr: float = 0.95) -> float:
    """Return the smallest share of inside scores called foreign when at least `tpr` of the outside ones are.

    In [0, 1], lower is better; NaN where either sample is empty.
    """
    false, true = roc_curve(inside, outside)
    # the shares are multiples of 1/m: half a step of slack keeps 19/20 at or above .95
    return float(false[np.argmax(true >= tpr - 0.5e-9)]) if len(true) else float("nan")


def _shares(scores: Floats, thresholds: Floats) -> Floats:
    at_or_above = len(scores) - np.searchsorted(np.sort(scores), thresholds, side="left")
    return np.concatenate([[0.0], at_or_above / len(scores)])
