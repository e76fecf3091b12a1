"""Descent on the errors of stratification themselves, where the quadratic search has done the rough work."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["polish"]

_ROUNDS = 60  # most moves and swaps
_UNITS = 160  # groups, alike ones of a fold counted once, up to which all pairs are looked at
_ABOVE = 1000.0  # what lies above the limit weighs so much more

_Changes = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


def polish(
    counts: NDArray[np.float64],
    k: int,
    fixed: NDArray[np.int64],
    folds: NDArray[np.int64],
    limit: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Move and swap groups while that lowers `distortion` + `spread` + `unevenness`, and first what exceeds a limit.

    Parameters
    ----------
    counts
        Rows of each class in each group, shape (groups, classes).
    k
        Number of folds.
    fixed
        Fold of groups that are placed, int (groups,), -1 where a group is free.
    folds
        Where to start, int (groups,); every fold holds every class, and still does afterwards.
    limit
        Values of (distortion, spread, unevenness) that should not be exceeded; infinite for none.
    """
    folds = folds.copy()
    kind = np.unique(counts, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    placed = np.zeros((k, counts.shape[1]))
    np.add.at(placed, folds, counts)
    for _ in range(_ROUNDS):
        for change in _changes(counts, k, folds, kind, np.flatnonzero(fixed < 0)):
            delta, first, second, source, target = change
            now = _cost(placed, np.zeros((1, counts.shape[1])), np.array([0]), np.array([1]), limit)[0]
            costs = _cost(placed, delta, source, target, limit)
            best = int(np.round(costs, 10).argmin())
            if costs[best] < now - 1e-9:
                break
        else:
            return folds
        folds[first[best]] = target[best]
        if second[best] >= 0:
            folds[second[best]] = source[best]
        placed[source[best]] -= delta[best]
        placed[target[best]] += delta[best]
    return folds


def _changes(
    counts: NDArray[np.float64], k: int, folds: NDArray[np.int64], kind: NDArray[np.int64], free: NDArray[np.int64]
) -> Iterator[_Changes]:
    """Yield all moves, then all swaps: (what passes over, group, group that comes back or -1, from fold, to fold)."""
    unit = free[np.unique(kind[free] * k + folds[free], return_index=True)[1]]
    if not unit.size:
        return
    group, target = np.repeat(unit, k), np.tile(np.arange(k), len(unit))
    keep = folds[group] != target
    group, target = group[keep], target[keep]
    yield counts[group], group, np.full(len(group), -1), folds[group], target
    if len(unit) > _UNITS:
        return
    left, right = (unit[i] for i in np.triu_indices(len(unit), 1))
    keep = (folds[left] != folds[right]) & (kind[left] != kind[right])
    left, right = left[keep], right[keep]
    if left.size:
        yield counts[left] - counts[right], left, right, folds[left], folds[right]


def _cost(
    placed: NDArray[np.float64],
    delta: NDArray[np.float64],
    source: NDArray[np.int64],
    target: NDArray[np.int64],
    limit: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the cost after each change, shape (changes,); infinite where a fold would lack a class."""
    k, classes = placed.shape
    totals = placed.sum(axis=0)
    whole = totals / totals.sum()
    distances = np.abs(placed / placed.sum(axis=1, keepdims=True) - whole).sum(axis=1)
    squares = ((placed / totals) ** 2).sum(axis=0)
    sizes, all_rows = placed.sum(axis=1), placed.sum()
    size = np.full(len(delta), (sizes**2).sum())
    off, spread = np.full(len(delta), distances.sum()), np.repeat(squares[None], len(delta), axis=0)
    valid = np.ones(len(delta), dtype=np.bool_)
    for at, sign in ((source, -1.0), (target, 1.0)):
        after = placed[at] + sign * delta
        valid &= after.min(axis=1) > 0
        rows = after.sum(axis=1)
        size += rows**2 - sizes[at] ** 2
        off += np.abs(after / np.maximum(rows, 1.0)[:, None] - whole).sum(axis=1) - distances[at]
        spread += (after**2 - placed[at] ** 2) / totals**2
    deviations = np.sqrt(np.maximum(spread / k - 1 / k**2, 0.0)).mean(axis=1)
    uneven = np.sqrt(np.maximum(size / all_rows**2 / k - 1 / k**2, 0.0))
    errors = np.stack([off / (k * classes), deviations, uneven], axis=1)
    cost: NDArray[np.float64] = errors.sum(axis=1) + _ABOVE * np.maximum(errors - limit, 0.0).sum(axis=1)
    return np.where(valid, cost, np.inf)
