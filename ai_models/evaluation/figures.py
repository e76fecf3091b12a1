"""The figures of a model on labelled photographs, each with its interval over groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.predictions import OodVerdict, Predictions
from ai_models.core.settings import EvaluationConfig
from ai_models.metrics import (
    Interval,
    brier_decomposition,
    brier_losses,
    confusion_matrix,
    ece,
    ece_floor,
    from_confusion,
    grouped_bootstrap_many,
    grouped_share,
    nll_losses,
    square_and_add,
    top_k_accuracy,
)

__all__ = ["as_json", "draws_of", "figures", "gap", "interval"]

LEVEL = 0.95
_QUICK_DRAWS = 300
_VERDICTS = (OodVerdict.IN_DOMAIN, OodVerdict.UNSURE, OodVerdict.OOD)
_SCALARS = (
    "accuracy", "balanced_accuracy", "f1_macro", "f1_weighted", "top3_accuracy", "nll", "brier", "ece",
    "set_coverage", "set_size",
)  # fmt: skip


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
    y: NDArray[np.int64], predictions: Predictions, groups: NDArray[np.str_], config: EvaluationConfig
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

    Returns
    -------
    dict
        Plain values, ready for JSON. Intervals are 95 %: percentile bootstrap over whole groups, widened for shares
        to the exact interval at the effective number of rows (the bootstrap has no width where nothing went wrong)
        and for means over classes to the sum of their classes' intervals.
    """
    k = len(predictions.classes)
    rows = _Rows(y, predictions, config.ece_bins)
    drawn = grouped_bootstrap_many(rows.statistics, groups, draws=draws_of(config), seed=config.seed, level=LEVEL)
    scalars = dict(zip(_SCALARS, drawn, strict=False))
    verdicts = dict(zip(_VERDICTS, drawn[len(_SCALARS) :], strict=False))
    at = len(_SCALARS) + len(_VERDICTS)
    table = {name: drawn[at + i * k : at + (i + 1) * k] for i, name in enumerate(("precision", "recall", "f1"))}
    by_class = [_class_figures(rows, groups, c, {name: table[name][c] for name in table}) for c in range(k)]
    scalars = _widened(scalars, rows, groups, by_class)
    matrix = confusion_matrix(y, rows.predicted, k)
    floor, floor_q95 = ece_floor(predictions.probabilities, bins=config.ece_bins, seed=config.seed)
    parts = brier_decomposition(y, predictions.probabilities, config.ece_bins)
    return {
        "images": len(y),
        "groups": _count(groups),
        **{name: as_json(value) for name, value in scalars.items()},
        "ece_floor": {"mean": floor, "q95": floor_q95, "bins": config.ece_bins},
        "brier_top_label": parts._asdict(),
        "verdicts": {
            str(v): as_json(i.hull(grouped_share(rows.verdicts == str(v), groups, LEVEL))) for v, i in verdicts.items()
        },
        "classes": {
            name: {
                "images": int((y == c).sum()),
                "groups": _count(groups[y == c]),
                "predicted_images": int((rows.predicted == c).sum()),
                **{figure: as_json(value) for figure, value in by_class[c].items()},
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
    names = ("accuracy", "balanced_accuracy", "f1_macro", "nll")
    return {name: as_json(_difference(interval(reference[name]), interval(scored[name]))) for name in names}


class _Rows:
    """The rows in the form in which a bootstrap draw is computed fast."""

    def __init__(self, y: NDArray[np.int64], predictions: Predictions, bins: int) -> None:
        p, every = predictions.probabilities, np.arange(len(y))
        self.y, self.p, self.bins, self.k = y, p, bins, len(predictions.classes)
        self.predicted = p.argmax(axis=1).astype(np.int64)
        self.verdicts = np.array([str(v) for v in predictions.verdicts])
        self.top3 = np.array([top_k_accuracy(y[i : i + 1], p[i : i + 1], 3) == 1 for i in every])
        self.covered = predictions.sets[every, y]
        self.means = np.stack(  # figures that are means over rows, (m, n)
            [self.predicted == y, self.top3, nll_losses(y, p), brier_losses(y, p), self.covered]
            + [predictions.sets.sum(axis=1), *(self.verdicts == str(v) for v in _VERDICTS)]
        ).astype(np.float64)

    def statistics(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the scalars, the verdicts' shares, then precision, recall and F1 of each class."""
        y = self.y[rows]
        table = from_confusion(confusion_matrix(y, self.predicted[rows], self.k))
        right, top3, loss, brier, covered, size, *verdicts = self.means[:, rows].mean(axis=1)
        recall, f1 = table.recall[table.support > 0], table.f1[~np.isnan(table.f1)]
        weighted = float((np.nan_to_num(table.f1) * table.support).sum() / len(rows))
        scalars = [right, recall.mean(), f1.mean(), weighted, top3, loss, brier, ece(y, self.p[rows], self.bins)]
        return np.array([*scalars, covered, size, *verdicts, *table.precision, *table.recall, *table.f1])


def _class_figures(rows: _Rows, groups: NDArray[np.str_], c: int, drawn: Mapping[str, Interval]) -> dict[str, Interval]:
    true, said = rows.y == c, rows.predicted == c
    hit, either = true & said, true | said
    exact = {
        "precision": grouped_share(hit[said], groups[said], LEVEL),
        "recall": grouped_share(hit[true], groups[true], LEVEL),
        "f1": _f1_of_share(grouped_share(hit[either], groups[either], LEVEL)),
    }
    return {name: value.hull(exact[name]) for name, value in drawn.items()}


def _f1_of_share(share: Interval) -> Interval:
    """Turn hits / (hits + misses + false alarms) into F1 = 2 s / (1 + s), which rises with it.

    Hand, Christen and Kirielle, Machine Learning 110 (2021).
    """
    estimate, low, high = (2 * s / (1 + s) for s in share[:3])
    return Interval(estimate, low, high, share.level)


def _widened(
    scalars: Mapping[str, Interval], rows: _Rows, groups: NDArray[np.str_], by_class: list[dict[str, Interval]]
) -> dict[str, Interval]:
    support = np.bincount(rows.y, minlength=rows.k)
    there = np.flatnonzero(support)
    f1 = [figures["f1"] for figures in by_class]
    exact = {
        "accuracy": grouped_share(rows.predicted == rows.y, groups, LEVEL),
        "top3_accuracy": grouped_share(rows.top3, groups, LEVEL),
        "set_coverage": grouped_share(rows.covered, groups, LEVEL),
        "balanced_accuracy": square_and_add([by_class[c]["recall"] for c in there]),
        "f1_macro": square_and_add(f1),
        "f1_weighted": square_and_add([f1[c] for c in there], (support[there] / support.sum()).tolist()),
    }
    widened = {name: value.hull(exact[name]) if name in exact else value for name, value in scalars.items()}
    widened["ece"] = _ece_widened(scalars["ece"], float(rows.p.max(axis=1).mean()), exact["accuracy"])
    return widened


def _ece_widened(drawn: Interval, confidence: float, accuracy: Interval) -> Interval:
    """Reach up to what the exact interval of the accuracy leaves open: the ECE is at least |confidence - accuracy|."""
    possible = max(abs(confidence - accuracy.low), abs(confidence - accuracy.high))
    return Interval(drawn.estimate, drawn.low, max(drawn.high, possible), drawn.level)


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
