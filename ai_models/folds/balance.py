"""How uneven folds are, in three figures, and a greedy pass that a search must not fall behind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["distortion", "greedy", "spread", "unevenness"]


def distortion(placed: NDArray[np.float64]) -> float:
    """Return the mean distance of a class's share of a fold from its share of all rows.

    Parameters
    ----------
    placed
        Rows of each class in each fold, shape (folds, classes); every fold holds a row.

    Returns
    -------
    float
        In [0, 1); 0 where every fold has the class proportions of the whole. All classes count alike.
    """
    inside = placed / placed.sum(axis=1, keepdims=True)
    whole = placed.sum(axis=0) / placed.sum()
    return float(np.abs(inside - whole).mean())


def spread(placed: NDArray[np.float64]) -> float:
    """Return the standard deviation over folds of the share of a class's rows, mean over classes.

    What `sklearn.model_selection.StratifiedGroupKFold` keeps low; 0 where each class is divided evenly.

    Parameters
    ----------
    placed
        Rows of each class in each fold, shape (folds, classes).
    """
    return float((placed / placed.sum(axis=0)).std(axis=0).mean())


def unevenness(placed: NDArray[np.float64]) -> float:
    """Return the standard deviation over folds of the share of all rows.

    Parameters
    ----------
    placed
        Rows of each class in each fold, shape (folds, classes).
    """
    return float((placed.sum(axis=1) / placed.sum()).std())


def greedy(counts: NDArray[np.float64], k: int, fixed: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place groups one by one where the `spread` stays lowest, the most one-sided groups first.

    The rule of `sklearn.model_selection.StratifiedGroupKFold` without shuffling, on groups in the order of their names.

    Parameters
    ----------
    counts
        Rows of each class in each group, shape (groups, classes).
    k
        Number of folds.
    fixed
        Fold of groups that are placed, int (groups,), -1 where a group is free.

    Returns
    -------
    ndarray of int64, shape (groups,)
        In [0, k); a fold may lack a class.
    """
    folds = fixed.copy()
    totals = counts.sum(axis=0)
    placed = np.zeros((k, counts.shape[1]))
    np.add.at(placed, fixed[fixed >= 0], counts[fixed >= 0])
    each = np.arange(k)
    for g in np.argsort(-counts.std(axis=1), kind="stable"):
        if fixed[g] >= 0:
            continue
        tried = np.repeat(placed[None], k, axis=0)
        tried[each, each] += counts[g]
        folds[g] = _lowest((tried / totals).std(axis=1).mean(axis=1).tolist(), placed.sum(axis=1).tolist())
        placed[folds[g]] += counts[g]
    return folds


def _lowest(errors: list[float], sizes: list[float]) -> int:
    best = 0
    for f in range(1, len(errors)):
        tied = abs(errors[f] - errors[best]) <= 1e-8 + 1e-5 * abs(errors[best])
        if errors[f] < errors[best] or (tied and sizes[f] < sizes[best]):
            best = f
    return best
