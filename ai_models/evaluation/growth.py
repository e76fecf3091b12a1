"""What more objects would bring: the learning curve of all classes, and of each class alone.

It is a plain classifier's curve, not the model's: the share of the errors that more objects remove carries over, the
height does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_models.core.rng import generator
from ai_models.crossfit.learning_curve import CurvePoints, fit_for_a_curve, joint_points, score_subsets
from ai_models.metrics import Interval
from ai_models.metrics.error_curve import ErrorCurve, fit_error_curve
from ai_models.metrics.special import student_quantile

__all__ = ["Growth", "OwnCurve", "measure_growth"]

_MOST = 1500
"""Photographs that are fitted on; of larger folders objects are drawn from all classes alike."""
_THINNED = ((0.25, 0.5), (0.5,))
"""Shares of a class that are fitted on while the others are whole; fewer where the fits would take too long."""
_COST = 8e-8  # seconds of a fit over photographs squared; roughly, and only to say how many fits are made
_BUDGET = 12.0  # seconds for either kind of curve
_MOST_REPEATS = 5


@dataclass(frozen=True)
class OwnCurve:
    """Recall of one class against the number of its own objects, the other classes being whole.

    Attributes
    ----------
    curve
        Error of the class, its shape drawn towards that of all classes.
    gain
        Recall with all of its training objects less that with half of them, and its 95 % interval: measured, no curve.
    """

    curve: ErrorCurve
    gain: Interval


@dataclass(frozen=True)
class Growth:
    """What was measured.

    Attributes
    ----------
    points
        Every class growing alike.
    curve
        1 - balanced accuracy, through these.
    own
        Class (as in `y`) -> its own curve; empty where the fits would have taken too long.
    photographs, objects
        How many stand behind it.
    left_out
        Classes with too few objects for a curve.
    """

    points: CurvePoints
    curve: ErrorCurve
    own: dict[int, OwnCurve]
    photographs: int
    objects: int
    left_out: tuple[int, ...]

    def doubled(self) -> tuple[Interval, Interval]:
        """Return balanced accuracy with twice the objects, and by how much it lies above that with all of them."""
        size = 2 * self.curve.largest
        error = self.curve.at(size)
        return Interval(1 - error.estimate, 1 - error.high, 1 - error.low), self.curve.fall(size)


def measure_growth(
    X: NDArray[np.float32], y: NDArray[np.int64], groups: NDArray[np.str_], *, seed: int, workers: int
) -> Growth | None:
    """Measure the curves; None where fewer than two classes have the 4 objects that a curve needs.

    Parameters
    ----------
    X
        float32 (n, d), features that nothing was fitted for.
    y
        int64 (n,), any class numbers.
    groups
        (n,), the object that each photograph shows.
    seed, workers
        Seed of the draws; threads.
    """
    rows = np.flatnonzero(_drawn(y, groups, seed))
    rows = rows[fit_for_a_curve(y[rows], groups[rows])]
    classes, codes = np.unique(y[rows], return_inverse=True)
    if len(classes) < 2:
        return None
    own_y, own_groups = codes.astype(np.int64), groups[rows]
    folds_cost = _COST * len(rows) ** 2 * 5

    def scored(points: NDArray[np.float64], repeats: int, label: str) -> CurvePoints:
        return score_subsets(
            X[rows], own_y, own_groups, points, repeats=repeats, seed=seed, workers=workers, label=label
        )

    joint = joint_points(own_y, own_groups)
    points = scored(joint, max(1, _repeats(folds_cost * len(joint))), "learning curve")
    curve = fit_error_curve(points.objects, *points.errors(), seed=seed)
    own = {}
    for shares in _THINNED:
        thin = _thinned(len(classes), shares)
        if repeats := _repeats(folds_cost * len(thin)):
            thinned = scored(thin, repeats, "class by class")
            own = {int(name): _own_curve(thinned, c, len(shares), curve, seed) for c, name in enumerate(classes)}
            break
    left_out = tuple(sorted(set(np.unique(y).tolist()) - set(classes.tolist())))
    return Growth(points, curve, own, len(rows), len(set(own_groups.tolist())), left_out)


def _own_curve(thinned: CurvePoints, c: int, shares: int, together: ErrorCurve, seed: int) -> OwnCurve:
    at = np.array([*range(1 + c * shares, 1 + (c + 1) * shares), 0])
    seen = thinned.only(at)
    errors, noise = seen.errors(c)
    curve = fit_error_curve(seen.sizes[:, c], errors, noise, seed=seed, shapes=together.shapes)
    gain = float(errors[-2] - errors[-1])
    spread = float(np.sqrt(noise[-1, -1] + noise[-2, -2] - 2 * noise[-1, -2]))
    half = spread * student_quantile(0.975, max(1, len(set(thinned.groups[thinned.y == c].tolist())) - 1))
    return OwnCurve(curve, Interval(gain, gain - half, gain + half))


def _thinned(k: int, shares: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the whole, then for each class its points with fewer of its own objects."""
    alone = [np.where(np.arange(k) == c, share, 1.0) for c in range(k) for share in shares]
    return np.array([np.ones(k), *alone])


def _repeats(seconds: float) -> int:
    return min(_MOST_REPEATS, int(_BUDGET / seconds))


def _drawn(y: NDArray[np.int64], groups: NDArray[np.str_], seed: int) -> NDArray[np.bool_]:
    """Return which photographs take part: all, or in a large folder objects from all classes in turn."""
    if len(y) <= _MOST:
        return np.ones(len(y), dtype=np.bool_)
    names, first, counts = np.unique(groups, return_index=True, return_counts=True)
    order = generator(seed, "growth").permutation(len(names))
    turn, seen = np.zeros(len(names)), dict.fromkeys(np.unique(y).tolist(), 0)
    for i in order.tolist():
        label = int(y[first[i]])
        turn[i] = seen[label]
        seen[label] += 1
    chosen = order[np.argsort(turn[order], kind="stable")]
    kept = chosen[np.cumsum(counts[chosen]) <= _MOST]
    return np.isin(groups, names[kept])
