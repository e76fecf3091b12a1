"""Prediction sets: the classes that out-of-fold scores of the training objects do not rule out.

A score says how badly a class fits a photograph; a class stays in the set where its p-value (see `conformal`) is above
1 - coverage. Two scores:

``lac``
    1 - p(class): the sets of least ambiguity, smallest on average (Sadinle, Lei, Wasserman, JASA 2019).
``aps``
    the probability of all classes likelier than it: sets that grow with how hard the photograph is (Romano, Sesia,
    Candes, NeurIPS 2020). Their random draw is left out, in favour of the same set for the same photograph in
    whatever batch; validity does not need it. Without the class itself the likeliest one has the score 0 and is
    never ruled out. With it, a model that grows surer by its last refit would rule out what it is surest of.

and two references: *pooled*, the objects of all classes, which promises the coverage over all photographs; and *by
class* (Mondrian, Vovk et al. 2005), the objects of the class in question, which promises it for the photographs of each
class. A class with fewer objects than `groups_needed` could never be left out; it falls back to the pooled reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from ai_models.ensemble.conformal import ConformalReference, coverage_to_expect, groups_needed
from ai_models.metrics import Interval

__all__ = ["ClassStanding", "PredictionSets", "misfit"]

Probabilities = NDArray[np.float64]


class ClassStanding(NamedTuple):
    """What stands behind the sets of one class.

    Attributes
    ----------
    groups
        Objects of the class.
    own
        Whether they are enough for a reference of its own; else the pooled one is used.
    coverage
        What to expect of the reference in use: of photographs of this class where it is its own, else of all.
    """

    groups: int
    own: bool
    coverage: Interval


def misfit(probabilities: Probabilities, method: str) -> Probabilities:
    """Return how badly each class fits, float64 (n, k), higher = worse.

    Parameters
    ----------
    probabilities
        float64 (n, k), rows summing to 1.
    method
        ``"lac"``: 1 - p(c). ``"aps"``: the probability of the classes likelier than c. Both in [0, 1].
    """
    if method == "lac":
        return np.asarray(1.0 - probabilities)
    if method != "aps":
        raise ValueError(f"the method of prediction sets must be 'lac' or 'aps', got '{method}'")
    order = np.argsort(-probabilities, axis=1, kind="stable")
    falling = np.take_along_axis(probabilities, order, axis=1)
    above = np.zeros_like(falling)
    above[:, 1:] = np.cumsum(falling, axis=1)[:, :-1]
    for i in range(1, falling.shape[1]):  # equally likely classes stand or fall together
        above[:, i] = np.where(falling[:, i] == falling[:, i - 1], above[:, i - 1], above[:, i])
    out = np.empty_like(above)
    np.put_along_axis(out, order, above, axis=1)
    return out


class PredictionSets(BaseEstimator):
    """Sets at a stated coverage, pooled and by class, from one table of out-of-fold probabilities.

    Parameters
    ----------
    method
        ``"lac"`` or ``"aps"``.
    coverage
        In (0, 1).

    Attributes
    ----------
    pooled_ : ConformalReference
        Misfit of the true class of every training object.
    by_class_ : tuple of (ConformalReference or None)
        The same of each class's own objects; None where they are too few.
    groups_ : tuple of int
        Objects of each class.
    """

    def __init__(self, method: str = "lac", coverage: float = 0.9) -> None:
        self.method = method
        self.coverage = coverage

    def fit(self, probabilities: Probabilities, y: NDArray[np.int64], groups: ArrayLike) -> Self:
        """Keep the misfit of the true classes.

        Parameters
        ----------
        probabilities
            float64 (n, k), each row by a model that was not fitted on its object.
        y
            int64 (n,), true classes in [0, k).
        groups
            (n,), the object that each image shows.
        """
        own, member = misfit(probabilities, self.method)[np.arange(len(y)), y], np.asarray(groups)
        self.pooled_ = ConformalReference().fit(own, member)
        self.groups_ = tuple(len(np.unique(member[y == c])) for c in range(probabilities.shape[1]))
        needed = groups_needed(self.coverage)
        self.by_class_ = tuple(
            ConformalReference().fit(own[y == c], member[y == c]) if count >= needed else None
            for c, count in enumerate(self.groups_)
        )
        return self

    def p_values(self, probabilities: Probabilities, *, by_class: bool = False) -> NDArray[np.float64]:
        """Return the p-value of each class for each photograph, float64 (n, k)."""
        scores = misfit(probabilities, self.method)
        if not by_class:
            return self.pooled_.p_value(scores)
        references = [reference or self.pooled_ for reference in self.by_class_]
        return np.stack([r.p_value(column) for r, column in zip(references, scores.T, strict=True)], axis=1)

    def conforming(self, probabilities: Probabilities, *, by_class: bool = False) -> NDArray[np.bool_]:
        """Return which classes are not ruled out, bool (n, k); a row may be empty."""
        return np.asarray(self.p_values(probabilities, by_class=by_class) > 1.0 - self.coverage + 1e-12)

    def sets(self, probabilities: Probabilities, *, by_class: bool = False) -> NDArray[np.bool_]:
        """Return the prediction sets, bool (n, k).

        The likeliest class is always in (a set that holds nothing tells nobody anything, and coverage only grows),
        and a row is full where there are too few objects to leave a class out.
        """
        inside = self.conforming(probabilities, by_class=by_class)
        inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
        return inside

    def promised(self, classes: Sequence[str]) -> dict[str, Any]:
        """Return what the sets promise, as plain values ready for JSON.

        Parameters
        ----------
        classes
            k names, in the order of the columns.
        """
        pooled = coverage_to_expect(self.pooled_.n_groups_, self.coverage)
        return {
            "method": self.method,
            "coverage": self.coverage,
            "groups_needed": groups_needed(self.coverage),
            "pooled": {"groups": self.pooled_.n_groups_, "reference": "pooled", "to_expect": _plain(pooled)},
            "classes": {
                name: {
                    "groups": standing.groups,
                    "reference": "class" if standing.own else "pooled",
                    "to_expect": _plain(standing.coverage),
                }
                for name, standing in zip(classes, self.standings(), strict=True)
            },
        }

    def standings(self) -> tuple[ClassStanding, ...]:
        """Return what stands behind each class's sets."""
        return tuple(
            ClassStanding(
                count, own is not None,
                coverage_to_expect(count if own is not None else self.pooled_.n_groups_, self.coverage),
            )
            for count, own in zip(self.groups_, self.by_class_, strict=True)
        )  # fmt: skip


def _plain(share: Interval) -> dict[str, float]:
    return {"estimate": share.estimate, "low": share.low, "high": share.high}
