"""The figures of a model on labelled photographs, each with its interval over groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.predictions import OodVerdict, Predictions
from ai_models.core.settings import EvaluationConfig
from ai_models.metrics import Interval, confusion_matrix, grouped_share, scorecard

__all__ = ["as_json", "draws_of", "figures", "gap", "interval"]

LEVEL = 0.95
_QUICK_DRAWS = 300
_VERDICTS = (OodVerdict.IN_DOMAIN, OodVerdict.UNSURE, OodVerdict.OOD)


def draws_of(config: EvaluationConfig) -> int:
    """Return how many bootstrap draws the settings ask for; quick mode takes at most 300."""
    return min(config.bootstrap_draws, _QUICK_DRAWS) if config.quick else config.bootstrap_draws


def as_json(value: Interval) -> dict[str, float | None]:
    """Return an interval as ``{"estimate", "low", "high"}``, None for what is not known."""
    return {name: _finite(getattr(value, name)) for name in ("estimate", "low", "high")}


def interval(value: Mapping[str, float | None]) -> Interval:
    """Return the interval that `as_json` wrote."""
    ends = {name: value[name] for name in ("estimate", "low", "high")}
    return Interval(**{name: float("nan") if end is None else float(end) for name, end in ends.items()}, level=LEVEL)


def figures(
    y: NDArray[np.int64],
    predictions: Predictions,
    groups: NDArray[np.str_],
    config: EvaluationConfig,
    *,
    folds: int = 0,
) -> dict[str, Any]:
    """Return every figure of readable, labelled rows.

    Parameters
    ----------
    y
        int64 (n,), classes as columns of the predictions; n >= 1.
    predictions
        n readable rows.
    groups
        (n,).
    config
        Draws, bins, seed.
    folds
        Number of folds where the rows were judged out of fold, else 0.

    Returns
    -------
    dict
        Plain values, ready for JSON. Intervals are those of `ai_models.metrics.scorecard`, at 95 %.
    """
    p = predictions.probabilities
    predicted = p.argmax(axis=1).astype(np.int64)
    card = scorecard(
        y, p, predictions.sets, groups,
        draws=draws_of(config), seed=config.seed, bins=config.ece_bins, folds=folds, level=LEVEL,
    )  # fmt: skip
    verdicts = np.array([str(v) for v in predictions.verdicts])
    matrix = confusion_matrix(y, predicted, len(predictions.classes))
    return {
        "images": len(y),
        "groups": _count(groups),
        **{name: as_json(value) for name, value in card.scalars.items()},
        "brier_parts": {
            **{name: as_json(value) for name, value in card.brier_parts.items()},
            "floor": dict(zip(("mean", "q95"), card.brier_floor, strict=True)),
        },
        "ece_floor": {**card.ece_floor._asdict(), "bins": config.ece_bins},
        "within_object_correlation": card.dependence,
        "variance_inflation": card.inflation,
        "verdicts": {
            str(v): as_json(grouped_share(verdicts == str(v), groups, LEVEL, inflation=card.inflation))
            for v in _VERDICTS
        },
        "classes": {
            name: {
                "images": int((y == c).sum()),
                "groups": _count(groups[y == c]),
                "predicted_images": int((predicted == c).sum()),
                "predicted_groups": _count(groups[predicted == c]),
                **{figure: as_json(getattr(card.classes[c], figure)) for figure in ("precision", "recall", "f1")},
                "simultaneous": {figure: as_json(value) for figure, value in card.classes[c].simultaneous.items()},
            }
            for c, name in enumerate(predictions.classes)
        },
        "confusion_matrix": {
            "classes": list(predictions.classes),
            "images": matrix.tolist(),
            "share_of_true_class": [[_share(n, row.sum()) for n in row] for row in matrix],
        },
    }


def gap(reference: Mapping[str, Any], scored: Mapping[str, Any]) -> dict[str, Any]:
    """Return how far the figures on other objects fall from the reference ones (reference minus scored)."""
    names = ("nll", "brier", "accuracy", "balanced_accuracy", "f1_macro")
    return {name: as_json(_difference(interval(reference[name]), interval(scored[name]))) for name in names}


def _difference(a: Interval, b: Interval) -> Interval:
    return Interval(
        a.estimate - b.estimate,
        a.estimate - b.estimate - float(np.hypot(a.estimate - a.low, b.high - b.estimate)),
        a.estimate - b.estimate + float(np.hypot(a.high - a.estimate, b.estimate - b.low)),
        a.level,
    )


def _count(groups: NDArray[np.str_]) -> int:
    return len(set(groups.tolist()))


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
