"""How well new objects are told with fewer objects to learn from: one classifier, the same folds, nested subsets.

The classifier is the plain baseline, logistic regression on features that nothing was fitted for: cheap enough for
hundreds of fits, and what more photographs bring to it they bring in kind to a vote. Objects stay whole, and no object
is scored by a fit that has seen any photograph of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from ai_models.core.rng import derive_seed, generator
from ai_models.crossfit.protocols import STRENGTH
from ai_models.execution import map_ordered
from ai_models.folds import assign_folds, largest_k

__all__ = ["FEWEST", "SHARES", "CurvePoints", "fit_for_a_curve", "joint_points", "nested_subset", "score_subsets"]

SHARES = (0.125, 0.1875, 0.25, 0.375, 0.5, 0.75, 1.0)
"""Shares of the training objects of each class that are fitted on."""
FEWEST = 4
"""Objects of a class from which a curve can be told."""
_TOLERANCE = 1e-3

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class CurvePoints:
    """What was told rightly with how many objects.

    Attributes
    ----------
    sizes
        float64 (p, k), mean number of objects of each class that the fits of a point saw.
    right
        bool (repeats, p, n), whether each photograph was told rightly.
    y
        int64 (n,), classes in [0, k).
    groups
        (n,), the object that each photograph shows.
    folds
        Folds of each repeat.
    """

    sizes: Floats
    right: NDArray[np.bool_]
    y: Ints
    groups: NDArray[np.str_]
    folds: int

    @property
    def objects(self) -> Floats:
        """Mean number of objects fitted on at each point, float64 (p,)."""
        return np.asarray(self.sizes.sum(axis=1), dtype=np.float64)

    def errors(self, *classes: int) -> tuple[Floats, Floats]:
        """Return the error at each point and the covariance of its noise.

        Parameters
        ----------
        classes
            Mean error over these, each weighing the same; over all (1 - balanced accuracy) by default.

        Returns
        -------
        errors, covariance
            float64 (p,) and (p, p). The noise is that of other objects to score (cluster-robust, by object; at least
            that of one more error in a class where none was made) and of other draws of the subsets.
        """
        chosen = classes or tuple(np.unique(self.y).tolist())
        _, member = np.unique(self.groups, return_inverse=True)
        wrong = 1.0 - self.right.mean(axis=0)
        points = len(wrong)
        errors, by_repeat = np.zeros(points), np.zeros((len(self.right), points))
        influence, least = np.zeros((member.max() + 1, points)), 0.0
        for c in chosen:
            rows = np.flatnonzero(self.y == c)
            own = wrong[:, rows].mean(axis=1)
            count = len(np.unique(member[rows]))
            scale = np.sqrt(count / max(count - 1, 1)) / len(rows)
            np.add.at(influence, member[rows], scale * (wrong[:, rows] - own[:, None]).T)
            cautious = (own.min() * count + 0.5) / (count + 1)
            least += cautious * (1 - cautious) / (count + 1)
            errors += own
            by_repeat += 1.0 - self.right[:, :, rows].mean(axis=2)
        k = len(chosen)
        objects = influence.T @ influence
        objects += max(0.0, least - float(np.diag(objects).mean()))
        draws = np.atleast_2d(np.cov(by_repeat.T)) / len(by_repeat) if len(by_repeat) > 1 else np.zeros_like(objects)
        return errors / k, (objects + draws) / k**2

    def only(self, points: Ints | slice) -> CurvePoints:
        """Return some of the points."""
        return CurvePoints(self.sizes[points], self.right[:, points], self.y, self.groups, self.folds)


def fit_for_a_curve(y: Ints, groups: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Say which photographs are of a class with at least `FEWEST` objects, bool (n,); with fewer there is no curve."""
    counts = {c: len(set(groups[y == c].tolist())) for c in np.unique(y).tolist()}
    return np.array([counts[c] >= FEWEST for c in y.tolist()], dtype=np.bool_)


def joint_points(y: Ints, groups: NDArray[np.str_], *, folds: int = 5) -> Floats:
    """Return the points of a curve on which every class grows alike: those with 2 objects of each class.

    Parameters
    ----------
    y, groups
        Classes in [0, k), each held by at least `FEWEST` objects, and objects of the photographs.
    folds
        As for `score_subsets`.

    Returns
    -------
    ndarray
        float64 (p, k), p >= 3.
    """
    k = max(2, min(folds, largest_k(y, groups)))
    smallest = np.bincount(list(_home_class(y, groups).values())).min() * (k - 1) // k
    kept = [s for s in SHARES if s >= SHARES[-3] or _rounded(s * smallest) >= 2]
    return np.repeat(np.array(kept)[:, None], y.max() + 1, axis=1)


def score_subsets(
    X: NDArray[np.float32],
    y: Ints,
    groups: NDArray[np.str_],
    points: Floats,
    *,
    folds: int = 5,
    repeats: int,
    seed: int,
    workers: int,
    label: str = "",
) -> CurvePoints:
    """Cross-validate the baseline with subsets of the training objects.

    Parameters
    ----------
    X
        float (n, d), features that nothing was fitted for, blocks at unit length.
    y
        int64 (n,), classes in [0, k), each held by at least 2 objects.
    groups
        (n,), the object that each photograph shows.
    points
        float64 (p, k), the share of the training objects of each class that a point is fitted on, in (0, 1].
    folds
        Of each repeat; fewer are drawn where the rarest class has fewer objects.
    repeats
        Draws of folds and subsets.
    seed, workers
        Seed of the draws; threads, on which the result does not depend.
    label
        Text of the progress bar; empty for none.

    Raises
    ------
    SplitRefusedError
        When a class has a single object.
    """
    k = max(2, min(folds, largest_k(y, groups)))
    Z = _turned(X)
    home = _home_class(y, groups)
    sizes = np.zeros(points.shape)

    def tasks() -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
        for repeat in range(repeats):
            drawn = assign_folds(y, groups, k, seed=derive_seed(seed, "learning curve, folds", repeat))
            for fold in range(k):
                scored = drawn == fold
                rank = _ranks(home, groups[~scored], derive_seed(seed, "learning curve, subsets", repeat, fold))
                for p, shares in enumerate(points):
                    chosen = nested_subset(rank, home, shares)
                    np.add.at(sizes[p], [home[g] for g in chosen], 1.0)
                    yield ~scored & np.isin(groups, sorted(chosen)), scored

    def right(task: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> NDArray[np.bool_]:
        fitted, scored = task
        model = LogisticRegression(C=STRENGTH, max_iter=1000, tol=_TOLERANCE).fit(Z[fitted], y[fitted])
        return np.asarray(model.predict(Z[scored]) == y[scored], dtype=np.bool_)

    plan = list(tasks())
    found = map_ordered(right, plan, workers=workers, backend="threads", label=label, unit="fit", total=len(plan))
    out = np.zeros((repeats, len(points), len(y)), dtype=np.bool_)
    for number, ((_, scored), hits) in enumerate(zip(plan, found, strict=True)):
        repeat, point = number // (k * len(points)), number % len(points)
        out[repeat, point, scored] = hits
    return CurvePoints(sizes / (repeats * k), out, y, groups, k)


def nested_subset(rank: dict[str, int], home: dict[str, int], shares: Floats) -> set[str]:
    """Return the objects of a point: of each class those of the lowest rank, at least one.

    Parameters
    ----------
    rank
        Training object -> its place among those of its class, from 0.
    home
        Object -> its class.
    shares
        float64 (k,), in (0, 1]. A larger share holds all that a smaller one holds.
    """
    total = np.bincount([home[g] for g in rank], minlength=len(shares))
    wanted = np.maximum(1, _rounded(shares * total))
    return {g for g, place in rank.items() if place < wanted[home[g]]}


def _ranks(home: dict[str, int], groups: NDArray[np.str_], seed: int) -> dict[str, int]:
    ranks, seen = {}, dict.fromkeys(home.values(), 0)
    there = sorted(set(groups.tolist()))
    for i in generator(seed, "order").permutation(len(there)).tolist():
        group = there[i]
        ranks[group] = seen[home[group]]
        seen[home[group]] += 1
    return ranks


def _home_class(y: Ints, groups: NDArray[np.str_]) -> dict[str, int]:
    """Return object -> the class of most of its photographs."""
    names, member = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), y.max() + 1))
    np.add.at(counts, (member, y), 1)
    return dict(zip(names.tolist(), counts.argmax(axis=1).tolist(), strict=True))


def _rounded(objects: Floats | float) -> Floats:
    return np.asarray(np.floor(np.asarray(objects) + 0.5), dtype=np.float64)


def _turned(X: NDArray[np.float32]) -> Floats:
    """Return rows with the same scalar products in at most n columns; a ridge penalty cannot tell them apart."""
    rows = X.astype(np.float64)
    if rows.shape[0] >= rows.shape[1]:
        return rows
    values, vectors = np.linalg.eigh(rows @ rows.T)
    kept = values > values[-1] * 1e-12
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]), dtype=np.float64)
