"""An explanation as plain values: the numbers that the page shows, for other programs."""

from __future__ import annotations

from typing import Any

from ai_models.core.paths import to_text
from ai_models.evaluation.explanation_words import map_checks, map_standing
from ai_models.explaining import Explanation, HeatMap
from ai_models.explaining.contributions import Contributions
from ai_models.explaining.insertion_deletion import Curves, area
from ai_models.explaining.nearest import Nearest

__all__ = ["explanation_json", "fidelity_json", "nearest_json"]


def explanation_json(found: Explanation) -> dict[str, Any]:
    """Return an explanation as plain values, equal for equal input."""
    said = found.prediction
    return {
        "predicted_class": to_text(said.predicted_class),
        "confidence": said.confidence,
        "verdict": str(said.verdict),
        "reason": str(said.reason),
        "detail": said.detail,
        "prediction_set": [to_text(c) for c in said.prediction_set],
        "against": to_text(found.against),
        "nearest": nearest_json(found.nearest),
        "objects_farther_from_their_nearest": found.nearest.farther,
        "training_objects": found.nearest.objects,
        "members": _parts(found.members),
        "blocks": _parts(found.blocks),
        "heat_map": _heat_map(found),
    }


def nearest_json(found: Nearest) -> list[dict[str, Any]]:
    """Return the nearest photographs as plain values."""
    return [
        {"path": to_text(n.record.path), "label": to_text(n.record.label), "distance": n.distance}
        for n in found.neighbours
    ]


def fidelity_json(heat: HeatMap) -> dict[str, Any]:
    """Return what the surrogate says of an image, and how far it agrees with the model, as plain values."""
    agreement = heat.fidelity.agreement
    return {
        "class": to_text(heat.surrogate_class),
        "probability_of_predicted_class": heat.surrogate_probability,
        "agreement": {"estimate": agreement.estimate, "low": agreement.low, "high": agreement.high},
        "mean_difference": heat.fidelity.difference,
        "photographs": heat.fidelity.photographs,
        "objects": heat.fidelity.objects,
    }


def _parts(found: Contributions) -> dict[str, Any]:
    return {"parts": found.parts, "base": found.base, "margin": found.total}


def _heat_map(found: Explanation) -> dict[str, Any]:
    heat = found.heat_map
    if heat is None:
        return {"none_because": found.no_map}
    score = heat.score
    told: dict[str, Any] = {
        "standing": map_standing(found),
        "checks": [{"question": c.question, "finding": c.finding, "passed": c.passed} for c in map_checks(found)],
        "maps": {name: one.tolist() for name, one in heat.maps.items()},
        "surrogate": fidelity_json(heat),
    }
    if score is not None:
        told["test"] = {
            "heat_map": _curves(score.heat_map),
            "random": [_curves(one) for one in score.random],
            "centre": _curves(score.centre),
            "random_maps_beaten": score.beaten,
        }
    return told


def _curves(found: Curves) -> dict[str, Any]:
    return {
        "insertion_area": area(found.insertion),
        "deletion_area": area(found.deletion),
        "gain": found.gain,
        "insertion": found.insertion.tolist(),
        "deletion": found.deletion.tolist(),
    }
