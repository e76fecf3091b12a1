"""Every figure of labelled predictions, each with the interval that its groups leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_models.metrics.bootstrap import grouped_bootstrap_many
from ai_models.metrics.brier_parts import brier_parts_floor, brier_rows
from ai_models.metrics.calibration import EceFloor, brier_losses, ece, ece_floor, nll_losses
from ai_models.metrics.classification import Floats, Ints, confusion_matrix, from_confusion, top_k_accuracy
from ai_models.metrics.debiased_calibration import rms_calibration_error, within_group_correlation
from ai_models.metrics.intervals import Interval, fold_inflation, grouped_share, square_and_add
from ai_models.metrics.skewed_mean import skewed_mean

__all__ = ["ClassCard", "Scorecard", "balancing_weights", "scorecard"]

_Share = Callable[..., Interval]
_PARTS = ("reliability", "resolution", "uncertainty")


@dataclass(frozen=True)
class ClassCard:
    """The figures of one class; NaN where it does not occur or is not predicted.

    Attributes
    ----------
    precision, recall, f1
        Each by itself at the level asked for.
    simultaneous
        The same three, wide enough to hold for all k classes at once (Bonferroni).
    """

    precision: Interval
    recall: Interval
    f1: Interval
    simultaneous: dict[str, Interval]


@dataclass(frozen=True)
class Scorecard:
    """What `scorecard` found.

    Attributes
    ----------
    scalars
        Name -> interval: ``nll brier accuracy balanced_accuracy f1_macro f1_weighted top3_accuracy ece
        rms_calibration_error set_coverage set_size``.
    brier_parts
        ``reliability resolution uncertainty`` -> interval, the first two less what a calibrated model shows.
    brier_floor
        That reliability of a calibrated model: its mean and 95 % quantile.
    ece_floor
        What the calibration error of a calibrated model is at this n.
    dependence
        How far photographs of one object are right together, in [0, 1].
    classes
        One for each of the k classes.
    inflation
        By what the variances were multiplied for predictions out of fold; 1 for those of one model.
    """

    scalars: dict[str, Interval]
    brier_parts: dict[str, Interval]
    brier_floor: tuple[float, float]
    ece_floor: EceFloor
    dependence: float
    classes: tuple[ClassCard, ...]
    inflation: float


def scorecard(
    y: Ints,
    p: Floats,
    sets: NDArray[np.bool_],
    groups: NDArray[np.str_],
    *,
    draws: int,
    seed: int,
    bins: int = 15,
    folds: int = 0,
    level: float = 0.95,
) -> Scorecard:
    """Return every figure with its interval over groups.

    Shares (accuracy, recall, precision, the share of sets that hold the true class) have the exact interval of
    `grouped_share`, balanced accuracy that of the rows weighted to equal classes, F1 that of its own share. Means over
    rows (losses, their parts, set sizes) have the grouped bootstrap's, the losses the wider of it and `skewed_mean`'s;
    means of F1 the wider of the bootstrap's and the classes' own.

    Parameters
    ----------
    y
        int64 (n,), in [0, k); n >= 1.
    p
        float64 (n, k), rows sum to 1.
    sets
        bool (n, k), prediction sets.
    groups
        (n,), any sortable values.
    draws, seed
        Of the bootstrap and of the floors.
    bins
        Of the calibration error.
    folds
        Number of folds where the rows were judged out of fold; 0 where one model judged them, which was not fitted on
        them.
    level
        Of the intervals.
    """
    inflation = fold_inflation(folds) if folds > 1 else 1.0
    k, every = p.shape[1], np.arange(len(y))
    predicted = p.argmax(axis=1).astype(np.int64)

    def share(hits: NDArray[np.bool_], among: NDArray[np.bool_] | None = None, of: float = level) -> Interval:
        rows = slice(None) if among is None else among
        return grouped_share(hits[rows], groups[rows], of, inflation=inflation)

    dependence = within_group_correlation(y, p, groups)
    parts, floor = brier_rows(y, p), brier_parts_floor(p, groups, dependence=dependence, seed=seed)
    means = np.stack(
        [nll_losses(y, p), brier_losses(y, p), sets.sum(axis=1)]
        + [parts.reliability - floor[0], parts.resolution - floor[0], parts.uncertainty]
    )

    def statistics(rows: NDArray[np.intp]) -> Floats:
        table = from_confusion(confusion_matrix(y[rows], predicted[rows], k))
        f1 = table.f1[~np.isnan(table.f1)]
        weighted = float((np.nan_to_num(table.f1) * table.support).sum() / len(rows))
        return np.array([*means[:, rows].mean(axis=1), f1.mean(), weighted, ece(y[rows], p[rows], bins)])

    drawn = grouped_bootstrap_many(statistics, groups, draws=draws, seed=seed, level=level)
    for i in (0, 1):  # the losses
        drawn[i] = drawn[i].hull(skewed_mean(means[i], groups, level))
    drawn = [value.stretched(np.sqrt(inflation)) for value in drawn]
    loss, brier, size, *three, macro, weighted, error = drawn
    classes = tuple(_class_card(share, y == c, predicted == c, 1 - (1 - level) / k) for c in range(k))
    support = np.bincount(y, minlength=k)
    there = np.flatnonzero(support)
    right = share(predicted == y)
    scalars = {
        "nll": loss.within(0.0, np.inf),
        "brier": brier.within(0.0, 2.0),
        "accuracy": right,
        "balanced_accuracy": grouped_share(
            predicted == y, groups, level, weights=balancing_weights(y, k), inflation=inflation
        ),
        "f1_macro": macro.hull(square_and_add([c.f1 for c in classes])).within(0.0, 1.0),
        "f1_weighted": weighted.hull(
            square_and_add([classes[c].f1 for c in there], (support[there] / support.sum()).tolist())
        ).within(0.0, 1.0),
        "top3_accuracy": share(np.array([top_k_accuracy(y[i : i + 1], p[i : i + 1], 3) == 1 for i in every])),
        "ece": _reached(error, float(p.max(axis=1).mean()), right),
        "rms_calibration_error": _reached(
            rms_calibration_error(y, p, groups, level=level).stretched(np.sqrt(inflation)),
            float(p.max(axis=1).mean()),
            right,
        ),
        "set_coverage": share(sets[every, y]),
        "set_size": size.within(0.0, float(k)),
    }
    error_floor = ece_floor(p, groups, dependence=dependence, bins=bins, seed=seed)
    return Scorecard(scalars, dict(zip(_PARTS, three, strict=True)), floor, error_floor, dependence, classes, inflation)


def balancing_weights(y: Ints, k: int) -> Floats:
    """Return weights of mean 1 that turn a mean over rows into one over the classes that occur, float64 (n,)."""
    size = np.bincount(y, minlength=k)
    return np.asarray(len(y) / (np.count_nonzero(size) * size[y]), dtype=np.float64)


def _class_card(share: _Share, true: NDArray[np.bool_], said: NDArray[np.bool_], at_once: float) -> ClassCard:
    hit = true & said

    def figures(**level: float) -> dict[str, Interval]:
        f1 = _f1_of_share(share(hit, true | said, **level))
        return {"precision": share(hit, said, **level), "recall": share(hit, true, **level), "f1": f1}

    return ClassCard(**figures(), simultaneous=figures(of=at_once))


def _f1_of_share(share: Interval) -> Interval:
    """Turn hits / (hits + misses + false alarms) into F1 = 2 s / (1 + s), which rises with it.

    Hand, Christen and Kirielle, Machine Learning 110 (2021).
    """
    estimate, low, high = (2 * s / (1 + s) for s in share[:3])
    return Interval(estimate, low, high, share.level)


def _reached(error: Interval, confidence: float, accuracy: Interval) -> Interval:
    """Reach up to what the accuracy's exact interval leaves open: the error is at least |confidence - accuracy|."""
    possible = max(abs(confidence - accuracy.low), abs(confidence - accuracy.high))
    return error._replace(low=max(0.0, error.low), high=float(np.fmin(1.0, np.fmax(error.high, possible))))
