"""Objects that look unlike the others of their own class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_models.core.rng import generator

__all__ = ["ClassOutliers", "class_outliers"]

NEIGHBOURS = 5
FEWEST = 8
"""Objects of a class from which its spread can be told."""
_ROWS = 512  # distances of so many photographs are in memory at once
_DRAWS, _SIMULATED = 2000, 200
_BEYOND = 0.00349  # share of a normal population above its upper fence


@dataclass(frozen=True)
class ClassOutliers:
    """How unusual each object is within its class.

    Attributes
    ----------
    distances
        float64 (m,), cosine distance to the nearest other objects of the class; NaN where it has no other.
    ratios
        float64 (m,), the distance over the median of its class.
    p_values
        float64 (m,), share of the class's objects that are at least as far, itself included: 1 / G for the farthest.
    outside
        bool (m,), beyond the upper fence of its class.
    expected
        How many would be beyond it if the log-distances of each class were normal.
    """

    distances: NDArray[np.float64]
    ratios: NDArray[np.float64]
    p_values: NDArray[np.float64]
    outside: NDArray[np.bool_]
    expected: float


def class_outliers(
    X: NDArray[np.float32], objects: NDArray[np.int64], y: NDArray[np.int64], *, seed: int
) -> ClassOutliers:
    """Measure each object against the other objects of its class.

    A photograph's distance to another object is that to its nearest photograph; the photograph's score is the mean
    over its 5 nearest objects, the object's the mean over its photographs. Photographs of one object never vouch for
    each other. An object is outside when its log-distance lies above Q3 + 1.5 (Q3 - Q1) of its class (Tukey's fence);
    classes of fewer than 8 objects have none.

    Parameters
    ----------
    X
        float32 (n, d), rows of length 1 that nothing was fitted for.
    objects
        int64 (n,), in [0, m); the object of each photograph.
    y
        int64 (m,), the class of each object.
    seed
        Of the simulation behind `expected`.
    """
    m = len(y)
    distances, ratios, p_values = (np.full(m, np.nan) for _ in range(3))
    outside, expected = np.zeros(m, dtype=np.bool_), 0.0
    for label in np.unique(y):
        here = np.flatnonzero(y == label)
        if len(here) < 2:
            continue
        rows = np.flatnonzero(y[objects] == label)
        found = _distances(X[rows], np.searchsorted(here, objects[rows]), len(here))
        distances[here], middle = found, float(np.median(found))
        ratios[here] = found / middle if middle > 0 else np.where(found > 0, np.inf, 1.0)
        p_values[here] = (found[None] >= found[:, None]).mean(axis=1)
        if len(here) >= FEWEST:
            outside[here] = _beyond(np.log(np.maximum(found, 1e-12)))
            expected += _expected_beyond(len(here), seed)
    return ClassOutliers(distances, ratios, p_values, outside, expected)


def _distances(X: NDArray[np.float32], objects: NDArray[np.int64], m: int) -> NDArray[np.float64]:
    order = np.argsort(objects, kind="stable")
    X, objects = X[order], objects[order]
    starts = np.searchsorted(objects, np.arange(m))
    k = min(NEIGHBOURS, m - 1)
    sums = np.zeros(m)
    for start in range(0, len(X), _ROWS):
        part = objects[start : start + _ROWS]
        nearest = np.minimum.reduceat(1.0 - X[start : start + _ROWS].astype(np.float64) @ X.T, starts, axis=1)
        nearest[np.arange(len(part)), part] = np.inf
        np.add.at(sums, part, np.maximum(np.partition(nearest, k - 1, axis=1)[:, :k], 0.0).mean(axis=1))
    return sums / np.bincount(objects, minlength=m)


def _beyond(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    low, high = np.quantile(values, [0.25, 0.75])
    return np.asarray(values > high + 1.5 * (high - low), dtype=np.bool_)


def _expected_beyond(n: int, seed: int) -> float:
    """Return how many of n normal values lie beyond their own upper fence; a small sample's fence is too near."""
    if n > _SIMULATED:
        return _BEYOND * n
    drawn = generator(seed, "fence", n).standard_normal((_DRAWS, n))
    low, high = np.quantile(drawn, [0.25, 0.75], axis=1, keepdims=True)
    return float((drawn > high + 1.5 * (high - low)).sum(axis=1).mean())
