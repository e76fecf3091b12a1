"""Which labels a model doubts: confident learning (Northcutt, Jiang and Chuang, JAIR 70, 2021).

Probabilities must come from models that were not fitted on the row. A class counts as seen with confidence where its
probability reaches the mean that rows of this label have; a row seen with confidence as another class is a suspect.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ai_models.metrics.classification import Floats

__all__ = ["chance_of_at_least", "class_thresholds", "confident_classes", "doubted_labels", "label_margins"]

Labels = NDArray[np.int64]


def class_thresholds(y: Labels, p: Floats) -> Floats:
    """Return for each class the mean probability that rows of this label give it, float64 (k,).

    Infinite for a class without a row: nothing is seen with confidence as what was never shown.

    Parameters
    ----------
    y
        int64 (n,), given labels.
    p
        float64 (n, k).
    """
    own = np.bincount(y, weights=p[np.arange(len(y)), y], minlength=p.shape[1])
    size = np.bincount(y, minlength=p.shape[1])
    return np.asarray(np.divide(own, size, out=np.full(len(size), np.inf), where=size > 0), dtype=np.float64)


def confident_classes(p: Floats, thresholds: Floats) -> Labels:
    """Return the likeliest class among those that reach their threshold, int64 (n,); -1 where none does."""
    reached = np.where(p >= thresholds, p, -1.0)
    return np.where(reached.max(axis=1) >= 0, reached.argmax(axis=1), -1).astype(np.int64)


def label_margins(y: Labels, p: Floats) -> Floats:
    """Return the probability of the given label less that of the likeliest other, float64 (n,) in [-1, 1].

    The lower, the more suspect.
    """
    every = np.arange(len(y))
    others = p.copy()
    others[every, y] = -np.inf
    return np.asarray(p[every, y] - others.max(axis=1), dtype=np.float64)


def doubted_labels(y: Labels, p: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Return which labels are suspect, and how likely the row's own probabilities make it.

    Parameters
    ----------
    y
        int64 (n,), given labels.
    p
        float64 (n, k).

    Returns
    -------
    doubted, chances
        bool (n,): seen with confidence as another class, and the label is not the likeliest class either.
        float64 (n,) in [0, 1]: probability that a label drawn from the row's own probabilities would be doubted.
        Their sum is what a calibrated model expects to doubt. Calibrated on the labels as they stand it allows for
        the wrong among them: only where all are right is it what hard photographs alone bring about.
    """
    every = np.arange(len(y))
    seen, likeliest = confident_classes(p, class_thresholds(y, p)), p.argmax(axis=1)
    doubted = (seen >= 0) & (seen != y) & (likeliest != y)
    spared = p[every, seen] + np.where(likeliest != seen, p[every, likeliest], 0.0)
    return doubted, np.where(seen >= 0, np.clip(1.0 - spared, 0.0, 1.0), 0.0)


def chance_of_at_least(chances: Floats) -> Floats:
    """Return the probability that at least 0, 1, ..., n of n independent events happen, float64 (n + 1,).

    Exact, by convolution (the Poisson binomial distribution).

    Parameters
    ----------
    chances
        float64 (n,), the probability of each.
    """
    exactly = np.ones(1)
    for chance in chances[chances > 0].tolist():
        exactly = np.append(exactly, 0.0) * (1 - chance) + np.append(0.0, exactly) * chance
    tail = np.cumsum(exactly[::-1])[::-1]
    return np.clip(np.append(tail, np.zeros(len(chances) + 1 - len(tail))), 0.0, 1.0)
