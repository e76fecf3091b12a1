"""Predictions as arrays and back, so that a checkpoint may hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.predictions import OodVerdict, Predictions, Reason

__all__ = ["arrays_of", "predictions_from"]


def arrays_of(predictions: Predictions) -> dict[str, NDArray[Any]]:
    """Return the predictions as arrays of numbers and text; the classes are not among them."""
    by_class = predictions.sets_by_class
    return {
        "probabilities": predictions.probabilities,
        "sets": predictions.sets,
        "ood_scores": predictions.ood_scores,
        "ood_p_values": predictions.ood_p_values,
        "verdicts": np.array([str(v) for v in predictions.verdicts], dtype=np.str_),
        "reasons": np.array([str(r) for r in predictions.reasons], dtype=np.str_),
        "details": np.array(predictions.details, dtype=np.str_),
        **({} if by_class is None else {"sets_by_class": by_class}),
    }


def predictions_from(classes: tuple[str, ...], arrays: Mapping[str, NDArray[Any]]) -> Predictions:
    """Return the predictions that `arrays_of` took apart.

    Parameters
    ----------
    classes
        Class names, in the order of the columns.
    arrays
        What `arrays_of` gave.
    """
    return Predictions(
        classes,
        arrays["probabilities"],
        arrays["sets"],
        arrays["ood_scores"],
        arrays["ood_p_values"],
        tuple(OodVerdict(v) for v in arrays["verdicts"].tolist()),
        tuple(Reason(r) for r in arrays["reasons"].tolist()),
        arrays.get("sets_by_class"),
        tuple(arrays["details"].tolist()),
    )
