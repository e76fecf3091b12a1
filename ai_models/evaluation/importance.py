"""What the model goes by: how much worse it becomes when a block or a feature is shuffled among the scored rows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.progress import progress
from ai_models.core.rng import generator
from ai_models.core.settings import EvaluationConfig
from ai_models.evaluation.figures import LEVEL, as_json, draws_of
from ai_models.evaluation.scoring import Model, Scored
from ai_models.metrics import Interval, grouped_bootstrap, nll_losses

__all__ = ["block_importance", "feature_importance"]

_BLOCK_REPEATS, _FEATURE_REPEATS = 10, 3
_SMALL_BLOCK, _SCREENED, _SHOWN = 64, 24, 20
_BATCH = 2048  # rows of one call of the ensemble


def block_importance(model: Model, scored: Scored, config: EvaluationConfig) -> list[dict[str, Any]]:
    """Return for each block the increase of the NLL when all its columns are shuffled together, largest first.

    Each row's increase is the mean over shuffles; the interval is over groups of rows (Breiman, Machine Learning 45,
    2001, with the loss in place of the error). A block that another can stand in for looks unimportant.
    """
    slices = model.extractor.block_slices
    columns = {name: np.arange(s.start, s.stop) for name, s in slices.items()}
    found = _increases(model, scored, columns, _BLOCK_REPEATS, config, label="blocks")
    rows = [
        {"block": name, "columns": len(columns[name]), "nll_increase": value}
        for name, value in zip(columns, found, strict=True)
    ]
    return sorted(rows, key=_largest_first)


def feature_importance(model: Model, scored: Scored, config: EvaluationConfig) -> list[dict[str, Any]]:
    """Return the single features with the largest increase of the NLL when shuffled, largest first.

    Every column of a small block is tried; of a large one those 24 whose class means lie farthest apart among the
    scored rows (by correlation ratio).
    """
    assert scored.X is not None
    names = [str(name) for name in model.extractor.get_feature_names_out()]
    spread = _class_spread(scored.X, scored.y)
    chosen: dict[str, NDArray[np.intp]] = {}
    block_of: dict[str, str] = {}
    for block, s in model.extractor.block_slices.items():
        columns = np.arange(s.start, s.stop)
        if len(columns) > _SMALL_BLOCK:
            columns = np.sort(columns[np.argsort(-spread[columns], kind="stable")[:_SCREENED]])
        chosen |= {names[c]: np.array([c]) for c in columns}
        block_of |= {names[c]: block for c in columns}
    found = _increases(model, scored, chosen, _FEATURE_REPEATS, config, label="features")
    rows = [
        {"feature": name, "block": block_of[name], "nll_increase": value}
        for name, value in zip(chosen, found, strict=True)
    ]
    return sorted(rows, key=_largest_first)[:_SHOWN]


def _largest_first(row: dict[str, Any]) -> float:
    return -float(row["nll_increase"]["estimate"])


def _increases(
    model: Model,
    scored: Scored,
    parts: Mapping[str, NDArray[np.intp]],
    repeats: int,
    config: EvaluationConfig,
    *,
    label: str,
) -> list[dict[str, float | None]]:
    """Return the increase of the NLL, with its interval, for each named part of the columns."""
    assert scored.X is not None
    X, y = scored.X, scored.y
    n = len(y)
    base = nll_losses(y, model.probabilities_of(X))
    per_call = max(1, _BATCH // (n * repeats))
    found: list[Interval] = []
    for start in progress(range(0, len(parts), per_call), total=-(-len(parts) // per_call), label=label, unit="call"):
        batch = range(start, min(start + per_call, len(parts)))
        stack = np.tile(X, (len(batch) * repeats, 1))
        for place, (name, columns) in enumerate(itertools.islice(parts.items(), batch.start, batch.stop)):
            rng = generator(config.seed, "importance", name)
            for repeat in range(repeats):
                first = (place * repeats + repeat) * n
                stack[first : first + n, columns] = X[rng.permutation(n)][:, columns]
        losses = nll_losses(np.tile(y, len(batch) * repeats), model.probabilities_of(stack))
        increases = losses.reshape(len(batch), repeats, n).mean(axis=1) - base
        found += [
            grouped_bootstrap(
                lambda rows, row=row: float(row[rows].mean()),  # type: ignore[misc]
                scored.groups,
                draws=min(500, draws_of(config)),
                seed=config.seed,
                level=LEVEL,
            )
            for row in increases
        ]
    return [as_json(value) for value in found]


def _class_spread(X: NDArray[np.float32], y: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the correlation ratio of each column, in [0, 1]: the share of its variance between classes."""
    centred = X.astype(np.float64) - X.mean(axis=0, dtype=np.float64)
    total = (centred**2).sum(axis=0)
    between = np.zeros(X.shape[1])
    for c in np.unique(y):
        between += (y == c).sum() * centred[y == c].mean(axis=0) ** 2
    return np.asarray(np.divide(between, total, out=np.zeros_like(between), where=total > 0), dtype=np.float64)
