"""Coverage of the prediction sets, over all photographs and class by class, with exact intervals over objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.predictions import Predictions
from ai_models.evaluation.figures import LEVEL, as_json
from ai_models.metrics import fold_inflation, grouped_share

__all__ = ["KINDS", "set_figures"]

KINDS = ("pooled", "by_class")
"""Coverage promised over all photographs; coverage promised within each class."""


def set_figures(
    y: NDArray[np.int64], predictions: Predictions, groups: NDArray[np.str_], *, folds: int = 0
) -> dict[str, Any]:
    """Return how often the sets of both kinds hold the true class, and how large they are.

    Parameters
    ----------
    y
        int64 (n,), true classes as columns of the predictions.
    predictions
        n readable rows with sets of both kinds.
    groups
        (n,).
    folds
        Number of folds where the rows were judged out of fold, else 0.

    Returns
    -------
    dict
        ``all`` and ``classes`` (name -> the same for its photographs, None for a class without any): ``images``,
        ``groups`` and for each of `KINDS` the ``coverage`` with its exact interval and the mean ``size``.
    """
    by_class = predictions.sets_by_class
    if by_class is None:
        raise ValueError("predictions must come with class-conditional sets")
    inflation = fold_inflation(folds) if folds else 1.0
    sets = dict(zip(KINDS, (predictions.sets, by_class), strict=True))

    def of(rows: NDArray[np.intp]) -> dict[str, Any]:
        return {
            "images": len(rows),
            "groups": len(set(groups[rows].tolist())),
            **{
                kind: {
                    "coverage": as_json(grouped_share(inside[rows, y[rows]], groups[rows], LEVEL, inflation=inflation)),
                    "size": float(inside[rows].sum(axis=1).mean()),
                }
                for kind, inside in sets.items()
            },
        }

    mine = {name: np.flatnonzero(y == c) for c, name in enumerate(predictions.classes)}
    return {
        "all": of(np.arange(len(y))),
        "classes": {name: of(rows) if len(rows) else None for name, rows in mine.items()},
    }
