"""How a model holds up when photographs go bad: one curve a corruption, over five strengths."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ai_models.core.images import RGBImage
from ai_models.core.settings import EvaluationConfig
from ai_models.corruptions import CORRUPTIONS, SEVERITIES, corrupted
from ai_models.evaluation.altered import Change, condition_figures, judge_changed, paired_changes, unmeasured
from ai_models.evaluation.scoring import Foreign, Model, Scored

__all__ = ["CLEAN", "robustness_figures"]

CLEAN = "as they are"


def robustness_figures(
    model: Model, scored: Scored, foreign: Sequence[Foreign], config: EvaluationConfig
) -> dict[str, Any]:
    """Score every photograph again under each corruption at each strength.

    Parameters
    ----------
    model
        The whole saved model.
    scored
        Photographs that it has not seen; with out-of-fold rows nothing is measured, for it was fitted on those.
    foreign
        Folders of foreign images, as they are: corrupted known photographs are compared with them.
    config
        Seed, draws, workers.

    Returns
    -------
    dict
        Plain values, ready for JSON: ``{"measured": False, "why": ...}``, or ``clean`` (the figures of
        `condition_figures`) and for each of ``corruptions`` its unit, strengths and for each strength the figures
        with the paired change from the clean ones.
    """
    why = unmeasured(scored)
    if why:
        return {"measured": False, "why": why}
    changes: dict[str, Change] = {CLEAN: _unchanged}
    for name in CORRUPTIONS:
        for severity in SEVERITIES:
            changes[f"{name} {severity}"] = partial(_corrupted, name=name, severity=severity, seed=config.seed)
    judged = judge_changed(model, scored.manifest.files, changes, workers=config.workers, label="robustness")
    y, groups, clean = scored.y, scored.groups, judged[CLEAN].predictions

    def curve(name: str) -> list[dict[str, Any]]:
        points = []
        for severity in SEVERITIES:
            predictions = judged[f"{name} {severity}"].predictions
            own = condition_figures(y, predictions, groups, foreign, config)
            points.append(own | {"change": paired_changes(y, clean, predictions, groups)})
        return points

    return {
        "measured": True,
        "clean": condition_figures(y, clean, groups, foreign, config),
        "corruptions": {
            name: {"unit": c.unit, "strengths": list(c.strengths), "severities": curve(name)}
            for name, c in CORRUPTIONS.items()
        },
    }


def _unchanged(image: RGBImage, _sha256: str) -> RGBImage:
    return image


def _corrupted(image: RGBImage, sha256: str, *, name: str, severity: int, seed: int) -> RGBImage:
    return corrupted(image, name, severity, seed=seed, sha256=sha256)
