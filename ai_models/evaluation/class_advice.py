"""What more photographs of one class would be worth, how many to take, and what goes wrong in it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_models.core.rng import generator
from ai_models.evaluation.figures import LEVEL
from ai_models.evaluation.growth import Growth
from ai_models.evaluation.sub_kinds import SubKind
from ai_models.evaluation.suspects import Judged
from ai_models.metrics import Interval, clopper_pearson, grouped_share
from ai_models.metrics.error_curve import FARTHEST, Shapes
from ai_models.metrics.subgroups import Stratum

__all__ = ["LEARN", "MEASURE", "TEN", "ClassAdvice", "Evidence", "Fall", "advise_on"]

LEARN, MEASURE = "learn", "measure"
TEN = 10
"""Objects by whose worth the classes are ranked."""
_DRAWS = 4000
_WORTHWHILE = 0.01  # of recall, by twice the objects
_CLOSE = 0.1  # half the width of an interval from which a recall is known
_MOST = 400  # objects that are asked for at once


@dataclass(frozen=True)
class ClassAdvice:
    """What is known of a class and what more photographs of it would be worth.

    Attributes
    ----------
    label, images, objects
        The class, its photographs and what they show.
    recall
        By models that had not seen the object, with the 95 % interval.
    worth
        Gain of balanced accuracy by 10 more objects of the class, with what is left open.
    first
        Chance that no other class is worth more.
    number
        Objects to photograph, and its bounds; 0 for none.
    purpose
        `LEARN` (the model would get better), `MEASURE` (its recall would be known to .1) or empty.
    of_what
        The kind in which errors gather; None for any.
    taken_for
        (other class, objects taken for it), the most frequent first.
    gain
        Recall with all training objects less that with half of those of this class, by a plain classifier; None where
        that was not measured.
    """

    label: str
    images: int
    objects: int
    recall: Interval
    worth: Interval
    first: float
    number: tuple[int, int, int]
    purpose: str
    of_what: SubKind | None
    taken_for: tuple[tuple[str, int], ...]
    gain: Interval | None


@dataclass(frozen=True)
class Evidence:
    """What classes are judged by.

    Attributes
    ----------
    judged, wrong
        The photographs; bool (n,), whether models that had not seen the object told them wrongly.
    sub_kinds
        Kinds in which errors gather, the surest first.
    growth
        Curves, where they were measured.
    """

    judged: Judged
    wrong: NDArray[np.bool_]
    sub_kinds: tuple[SubKind, ...]
    growth: Growth | None


@dataclass(frozen=True)
class Fall:
    """How the error of a class would fall, as equally likely ways.

    Attributes
    ----------
    missed
        Objects told wrongly; one of which a part of the photographs is wrong counts as that part.
    worth
        float64 (d,), gain of balanced accuracy by ten more objects.
    doubled
        float64 (d,), fall of the class's error by twice the objects.
    wanted
        float64 (d,), more objects that bring half of what four times as many would.
    """

    missed: float
    worth: NDArray[np.float64]
    doubled: NDArray[np.float64]
    wanted: NDArray[np.float64]

    @classmethod
    def of(cls, c: int, seen: Evidence, seed: int) -> Fall:
        """Draw errors of the class from Jeffreys' posterior by objects, and shapes from its own curve."""
        judged, growth = seen.judged, seen.growth
        rows = judged.y == c
        _, member = np.unique(judged.groups[rows], return_inverse=True)
        objects = int(member.max()) + 1
        missed = float((np.bincount(member, weights=seen.wrong[rows]) / np.bincount(member)).sum())
        rng = generator(seed, "next photographs", judged.classes[c])
        error = rng.beta(missed + 0.5, objects - missed + 0.5, _DRAWS)
        shapes = Shapes.even()
        if growth is not None:
            shapes = growth.own[c].curve.shapes if c in growth.own else growth.curve.shapes
        drawn = shapes.only(shapes.picked(_DRAWS, rng))
        ten = error * (1 - drawn.at(min(FARTHEST, 1 + TEN / objects))) / len(set(judged.y.tolist()))
        return cls(missed, ten, error * (1 - drawn.at(2.0)), objects * (drawn.halfway(FARTHEST) - 1))


def advise_on(c: int, fall: Fall, first: float, seen: Evidence) -> ClassAdvice:
    """Say what is known of a class.

    Parameters
    ----------
    c
        The class, as in `Evidence.judged`.
    fall, first
        How its error would fall; the chance that no other class is worth more.
    seen
        What it is judged by.
    """
    judged = seen.judged
    rows = np.flatnonzero(judged.y == c)
    label, groups = judged.classes[c], judged.groups[rows]
    objects = len(set(groups.tolist()))
    recall = grouped_share(~seen.wrong[rows], groups, LEVEL)
    kind = next((s for s in seen.sub_kinds if s.in_class(label)), None)
    purpose, number = _number(fall, recall, objects, kind.in_class(label) if kind else None)
    own = seen.growth.own.get(c) if seen.growth else None
    return ClassAdvice(
        label, len(rows), objects, recall, _interval(fall.worth), first, number, purpose, kind,
        _taken_for(judged, rows, c), own.gain if own else None,
    )  # fmt: skip


def _number(fall: Fall, recall: Interval, objects: int, kind: Stratum | None) -> tuple[str, tuple[int, int, int]]:
    """Return what for and how many: of a kind, the share of the class's errors that are of it."""
    if fall.missed > 0 and float(fall.doubled.mean()) >= _WORTHWHILE:
        share = kind.wrong_of_kind / kind.wrong if kind else 1.0
        wanted = _interval(fall.wanted)
        return LEARN, (_round(share * wanted.estimate), _round(share * wanted.low), _round(share * wanted.high))
    more = _round(_to_know(recall, objects))
    return (MEASURE, (more, more, more)) if more else ("", (0, 0, 0))


def _taken_for(judged: Judged, rows: NDArray[np.intp], c: int) -> tuple[tuple[str, int], ...]:
    """Count the objects of a class whose mean probabilities are highest for another."""
    _, member = np.unique(judged.groups[rows], return_inverse=True)
    sums = np.zeros((member.max() + 1, judged.p.shape[1]))
    np.add.at(sums, member, judged.p[rows])
    counts = np.bincount(sums.argmax(axis=1), minlength=judged.p.shape[1])
    order = np.argsort(-counts, kind="stable").tolist()
    return tuple((judged.classes[o], int(counts[o])) for o in order if o != c and counts[o])


def _to_know(recall: Interval, objects: int) -> int:
    """Return how many more objects until the interval of a recall like this reaches at most .1 to either side."""
    n = objects
    while n < objects + _MOST:
        found = clopper_pearson(recall.estimate * n, n, LEVEL)
        if max(found.estimate - found.low, found.high - found.estimate) <= _CLOSE:
            return n - objects
        n += 1
    return _MOST


def _round(number: float) -> int:
    """Round up: to whole objects below 20, to five below 100, to ten above."""
    step = 1 if number <= 20 else 5 if number <= 100 else 10
    return min(_MOST, step * math.ceil(number / step))


def _interval(draws: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(draws.mean()), float(low), float(high), LEVEL)
