"""Why the surest errors were made: their nearest training photographs, and where the network looked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ai_models.artifacts import read_bundle
from ai_models.classifier import HybridClassifier
from ai_models.core.paths import to_text
from ai_models.core.progress import progress
from ai_models.core.settings import EvaluationConfig, ExplainConfig
from ai_models.evaluation.explanation_json import fidelity_json, nearest_json
from ai_models.evaluation.explanation_words import map_standing
from ai_models.evaluation.scoring import Scored
from ai_models.evidence import FEATURES_FILE, load_evidence
from ai_models.explaining import Evidence, Explainer, Explanation
from ai_models.explaining.nearest import Nearest, nearest_photographs
from ai_models.metrics import nll_losses

__all__ = ["ExplainedError", "explain_errors", "explained_figures", "surest_errors"]

_NEIGHBOURS, _STEPS, _RANDOM_MAPS = 3, 6, 3


@dataclass(frozen=True)
class ExplainedError:
    """One wrong prediction and what is told of it.

    Attributes
    ----------
    row
        Of the scored photographs.
    nearest
        The training photographs that look most like it, never of its own object.
    explanation
        None for an out-of-fold prediction: the models that made it are not kept.
    """

    row: int
    nearest: Nearest
    explanation: Explanation | None


def surest_errors(scored: Scored, most: int) -> list[int]:
    """Return the rows of wrong predictions, least probability on the true class first."""
    wrong = scored.predictions.probabilities.argmax(axis=1) != scored.y
    order = np.argsort(-nll_losses(scored.y, scored.predictions.probabilities), kind="stable")
    found: list[int] = order[wrong[order]][:most].tolist()
    return found


def explain_errors(
    model_dir: Path, model: HybridClassifier, scored: Scored, config: EvaluationConfig
) -> tuple[ExplainedError, ...]:
    """Explain the surest errors; none in quick mode, nor for a model directory that kept no training features."""
    most = 0 if config.quick else min(config.explained_errors, config.gallery_size)
    rows = surest_errors(scored, most)
    if not rows or FEATURES_FILE not in read_bundle(model_dir)["files"]:
        return ()
    evidence = load_evidence(model_dir, model)
    asked = ExplainConfig(neighbours=_NEIGHBOURS, steps=_STEPS, random_maps=_RANDOM_MAPS, seed=config.seed)
    explainer = Explainer(model, evidence, asked)
    return tuple(_explained(explainer, scored, row) for row in progress(rows, total=len(rows), label="explain"))


def explained_figures(found: tuple[ExplainedError, ...], scored: Scored) -> list[dict[str, Any]]:
    """Return the numbers of the explained errors for ``metrics.json``."""
    return [
        {
            "path": to_text(scored.manifest.records[one.row].path),
            "label": to_text(scored.manifest.records[one.row].label),
            "predicted_class": to_text(scored.predictions[one.row].predicted_class),
            "nearest": nearest_json(one.nearest),
            **(_map_figures(one.explanation) if one.explanation is not None else {}),
        }
        for one in found
    ]


def _explained(explainer: Explainer, scored: Scored, row: int) -> ExplainedError:
    record = scored.manifest.records[row]
    if scored.X is not None:
        explanation = explainer.explain(scored.manifest.root / record.path)
        return ExplainedError(row, explanation.nearest, explanation)
    place = _place(explainer.evidence, record.path)
    unit, own = explainer.evidence.unit[place], str(explainer.evidence.groups[place])
    return ExplainedError(row, nearest_photographs(explainer.evidence, unit, _NEIGHBOURS, without_group=own), None)


def _place(evidence: Evidence, path: str) -> int:
    return next(i for i, record in enumerate(evidence.records) if record.path == path)


def _map_figures(explanation: Explanation) -> dict[str, Any]:
    heat = explanation.heat_map
    if heat is None or heat.score is None:
        return {"heat_map": {"none_because": explanation.no_map}}
    return {
        "heat_map": {
            "standing": map_standing(explanation),
            "gain": heat.score.heat_map.gain,
            "random_gains": [one.gain for one in heat.score.random],
            "centre_gain": heat.score.centre.gain,
            "surrogate": fidelity_json(heat),
        }
    }
