"""How well foreign images are told from known ones, and how often known ones are taken for foreign."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.predictions import OodVerdict, Predictions, Reason
from ai_models.core.settings import EvaluationConfig
from ai_models.evaluation.figures import LEVEL, as_json, draws_of
from ai_models.evaluation.scoring import Foreign
from ai_models.metrics import Interval, auroc, clopper_pearson, fpr_at_tpr, group_draws, grouped_share

__all__ = ["detection_figures", "false_alarms", "reason_shares"]


def false_alarms(predictions: Predictions, groups: NDArray[np.str_], stated: float | None) -> dict[str, Any]:
    """Return the share of known images that are called foreign, beside the rate that the model states.

    Parameters
    ----------
    predictions
        n known images.
    groups
        (n,).
    stated
        The model's alpha; None where it is not recorded.
    """
    called = np.array([v is OodVerdict.OOD for v in predictions.verdicts])
    return {"stated": stated, "measured": as_json(grouped_share(called, groups, LEVEL))}


def reason_shares(predictions: Predictions, groups: NDArray[np.str_]) -> dict[str, Any]:
    """Return the share of images with each reason behind their verdict, with 95 % intervals over groups.

    Parameters
    ----------
    predictions
        n readable images; empty where their reasons are not known.
    groups
        (n,).
    """
    if not predictions.reasons:
        return {}
    given = np.array([str(reason) for reason in predictions.reasons])
    reasons = [reason for reason in Reason if reason is not Reason.UNREADABLE]
    return {str(r): as_json(grouped_share(given == str(r), groups, LEVEL)) for r in reasons}


def detection_figures(
    known: Predictions, groups: NDArray[np.str_], foreign: Foreign, config: EvaluationConfig
) -> dict[str, Any]:
    """Return AUROC, FPR at a TPR of .95 and the share called foreign, with 95 % intervals.

    Both samples are resampled by whole groups. Where a bootstrap interval has no width (perfect separation) it is
    widened to the exact interval of a share at the smaller number of groups, which bounds the variance of AUROC.

    Parameters
    ----------
    known, groups
        The labelled photographs and their groups.
    foreign
        Images of nothing that the model knows.
    """
    inside, outside = known.ood_scores, foreign.predictions.ood_scores
    draws, seed = draws_of(config), config.seed
    pairs = zip(
        group_draws(groups, draws=draws, seed=seed),
        group_draws(foreign.groups, draws=draws, seed=seed + 1),
        strict=True,
    )
    drawn = np.array([_both(inside[a], outside[b]) for a, b in pairs])
    fewest = min(len(set(groups.tolist())), len(set(foreign.groups.tolist())))
    values = [_ends(estimate, column, fewest) for estimate, column in zip(_both(inside, outside), drawn.T, strict=True)]
    called = np.array([v is OodVerdict.OOD for v in foreign.predictions.verdicts])
    return {
        "images": len(outside),
        "groups": len(set(foreign.groups.tolist())),
        "unreadable": len(foreign.unreadable),
        "auroc": as_json(values[0]),
        "fpr_at_tpr95": as_json(values[1]),
        "called_ood": as_json(grouped_share(called, foreign.groups, LEVEL)),
        "called_in_domain": as_json(
            grouped_share([v is OodVerdict.IN_DOMAIN for v in foreign.predictions.verdicts], foreign.groups, LEVEL)
        ),
    }


def _both(inside: NDArray[np.float64], outside: NDArray[np.float64]) -> tuple[float, float]:
    return auroc(inside, outside), fpr_at_tpr(inside, outside)


def _ends(estimate: float, drawn: NDArray[np.float64], fewest: int) -> Interval:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    found = Interval(estimate, float(low), float(high), LEVEL)
    return found.hull(clopper_pearson(estimate * fewest, fewest, LEVEL)) if low == high else found
