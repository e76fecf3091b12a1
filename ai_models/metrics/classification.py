"""Figures of merit of a classifier, from integer labels and probabilities."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Floats",
    "Ints",
    "PerClass",
    "accuracy",
    "balanced_accuracy",
    "confusion_matrix",
    "f1_macro",
    "f1_weighted",
    "from_confusion",
    "per_class",
    "top_k_accuracy",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class PerClass(NamedTuple):
    """Figures of each of k classes.

    Attributes
    ----------
    precision, recall, f1
        float64 (k,), in [0, 1]. Where a class is absent and never predicted all three are NaN; where it is only
        never predicted its precision is 0, where it is only absent its recall is NaN and its F1 0.
    support
        int64 (k,), rows of each class.
    """

    precision: Floats
    recall: Floats
    f1: Floats
    support: Ints


def confusion_matrix(y: Ints, predicted: Ints, k: int) -> Ints:
    """Count rows by true class (row) and predicted class (column).

    Parameters
    ----------
    y, predicted
        int (n,), in [0, k).
    k
        Number of classes.

    Returns
    -------
    ndarray
        int64 (k, k); the sum is n.
    """
    y, predicted = np.asarray(y, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    return np.bincount(y * k + predicted, minlength=k * k).reshape(k, k).astype(np.int64, copy=False)


def from_confusion(matrix: Ints) -> PerClass:
    """Return precision, recall and F1 of each class from a confusion matrix (k, k), true classes in rows."""
    hits = np.diagonal(matrix).astype(np.float64)
    support, predicted = matrix.sum(axis=1), matrix.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.where(support > 0, hits / support, np.nan)
        precision = np.where(predicted > 0, hits / predicted, np.where(support > 0, 0.0, np.nan))
        f1 = np.where(support + predicted > 0, 2 * hits / (support + predicted), np.nan)
    return PerClass(precision, recall, f1, support.astype(np.int64, copy=False))


def per_class(y: Ints, predicted: Ints, k: int) -> PerClass:
    """Return precision, recall, F1 and support of each class; see `PerClass` for absent classes."""
    return from_confusion(confusion_matrix(y, predicted, k))


def accuracy(y: Ints, predicted: Ints) -> float:
    """Return the share of rows predicted right, in [0, 1]; NaN for no rows."""
    return float(np.mean(np.asarray(y) == np.asarray(predicted))) if len(y) else float("nan")


def balanced_accuracy(y: Ints, predicted: Ints, k: int) -> float:
    """Return the mean recall over the classes that occur in `y`, in [0, 1]; NaN for no rows."""
    return _mean_present(per_class(y, predicted, k).recall)


def f1_macro(y: Ints, predicted: Ints, k: int) -> float:
    """Return the mean F1 over classes that occur in `y` or are predicted, in [0, 1]; NaN for no rows."""
    return _mean_present(per_class(y, predicted, k).f1)


def f1_weighted(y: Ints, predicted: Ints, k: int) -> float:
    """Return the mean F1 weighted by support, in [0, 1]; NaN for no rows."""
    figures = per_class(y, predicted, k)
    return float((np.nan_to_num(figures.f1) * figures.support).sum() / len(y)) if len(y) else float("nan")


def top_k_accuracy(y: Ints, probabilities: Floats, top: int) -> float:
    """Return the share of rows whose class is among the `top` likeliest, in [0, 1]; NaN for no rows.

    Parameters
    ----------
    y
        int (n,).
    probabilities
        float (n, k). Of equal probabilities the lower class counts as the likelier, as in `argmax`.
    top
        How many classes a row may name; k or more gives 1.
    """
    if not len(y):
        return float("nan")
    own = probabilities[np.arange(len(y)), y][:, None]
    ahead = (probabilities > own) | (
        (probabilities == own) & (np.arange(probabilities.shape[1]) < np.asarray(y)[:, None])
    )
    return float(np.mean(ahead.sum(axis=1) < top))


def _mean_present(values: Floats) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else float("nan")
