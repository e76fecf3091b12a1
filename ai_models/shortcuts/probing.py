"""How well one trait alone tells the labels, with its interval and a permutation test.

The judge is a vote of nearest neighbours among the photographs of other objects: it needs no shape assumed, and its
neighbours do not depend on the labels, so that a permutation costs a product and not a fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ai_models.core.rng import derive_seed, generator
from ai_models.metrics import Interval, grouped_share, square_and_add
from ai_models.shortcuts.traits import TRAITS, Traits

__all__ = ["MATERIAL", "Shortcut", "ShortcutProbe", "probe_shortcuts"]

MATERIAL = 0.1
"""Balanced accuracy above chance from which a trait is worth a finding."""
ALPHA = 0.05
FEWEST_GROUPS = 5  # of a class that is asked about
FOLDS = 5
MOST_ROWS = 1500
MOST_OF_A_GROUP = 8
MOST_WORK = 4e10  # products that the permutations of one trait may take

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Shortcut:
    """What one trait alone tells.

    Attributes
    ----------
    trait
        A name of `TRAITS`.
    balanced_accuracy
        Mean over the classes of the share that the trait's neighbours vote right, each row by objects other than its
        own. None where the trait is the same for every photograph.
    p_value, p_holm
        Of the permutation test, and corrected for the number of traits (Holm, 1979). 1 where it is the same for all.
    material
        Whether p_holm <= .05 and the balanced accuracy is at least `MATERIAL` above chance.
    """

    trait: str
    balanced_accuracy: Interval | None
    p_value: float = 1.0
    p_holm: float = 1.0
    material: bool = False


@dataclass(frozen=True)
class ShortcutProbe:
    """What every trait tells of the labels.

    Attributes
    ----------
    labels
        Those that were asked about: at least five objects each.
    images, groups
        How many were looked at; at most 1,500 images, 8 of an object.
    permutations
        How often labels were exchanged between objects.
    shortcuts
        One a trait.
    """

    labels: tuple[str, ...]
    images: int
    groups: int
    permutations: int
    shortcuts: tuple[Shortcut, ...]

    @property
    def chance(self) -> float:
        """Balanced accuracy of guessing."""
        return 1 / len(self.labels)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "chance": round(self.chance, 4),
            "labels": len(self.labels),
            "images": self.images,
            "groups": self.groups,
            "permutations": self.permutations,
            "traits": {s.trait: _plain(s) for s in self.shortcuts},
        }


def probe_shortcuts(
    traits: Sequence[Traits], labels: Sequence[str], groups: ArrayLike, *, seed: int = 0, permutations: int = 200
) -> ShortcutProbe | None:
    """Ask of each trait alone how well it tells the labels.

    Parameters
    ----------
    traits
        n readable photographs, without augmented copies.
    labels
        n names; rows with an empty one are left out.
    groups
        (n,), the object of each. Objects with several labels are left out, for their labels cannot be exchanged.
    seed
        Of the choice of rows, where there are too many, and of the permutations.
    permutations
        B of the p-value ``(1 + #(permuted >= observed)) / (1 + B)``.

    Returns
    -------
    ShortcutProbe or None
        None where fewer than two labels have five objects.

    Notes
    -----
    A row's neighbours are the ``m = max(5, sqrt(n) / 2)`` nearest rows of other groups and all that are as near as the
    last. Those of them vote that stand in other folds of a stratified, grouped five-fold division, and each class's
    votes are divided by its rows there; a tie earns its share. (Leaving out one row at a time would let the missing
    row itself tell its class.) For the test, labels are exchanged between whole groups and the folds are dealt anew
    (Good, *Permutation, Parametric and Bootstrap Tests of Hypotheses*, 2005); it is exact where groups are
    exchangeable.
    """
    chosen = _chosen(np.asarray(labels, dtype=np.str_), np.asarray(groups, dtype=np.str_), seed, permutations)
    if chosen is None:
        return None
    rows, y, member, names = chosen
    taken = [traits[i] for i in rows]
    objects = _Objects(member, y[np.unique(member, return_index=True)[1]], len(names))
    found: list[Shortcut] = []
    for trait, numbers in TRAITS.items():
        table = numbers(taken)
        if bool((np.ptp(table, axis=0) == 0).all()):
            found.append(Shortcut(trait, None))
            continue
        rng = generator(seed, "shortcut permutations", trait)
        credit, p_value = _judged(_neighbours(table, member), objects, permutations, rng)
        shares = [grouped_share(credit[y == c], member[y == c]) for c in range(len(names))]
        found.append(Shortcut(trait, _bounded(square_and_add(shares)), p_value))
    shortcuts = _corrected(found, 1 / len(names))
    return ShortcutProbe(tuple(names), len(rows), int(member.max()) + 1, permutations, shortcuts)


# -- which rows --------------------------------------------------------------------------------------------


def _chosen(
    labels: NDArray[np.str_], groups: NDArray[np.str_], seed: int, permutations: int
) -> tuple[Ints, Ints, Ints, list[str]] | None:
    """Return row indices, label codes, group codes and names; groups are taken from all classes in turn."""
    of_group: dict[str, list[int]] = {}
    for i, (label, group) in enumerate(zip(labels.tolist(), groups.tolist(), strict=True)):
        if label:
            of_group.setdefault(group or f"\0{i}", []).append(i)
    pure = {g: rows for g, rows in of_group.items() if len({labels[i] for i in rows}) == 1}
    by_class: dict[str, list[str]] = {}
    for group in sorted(pure, key=lambda g: (derive_seed(seed, "shortcut rows", g), g)):
        by_class.setdefault(str(labels[pure[group][0]]), []).append(group)
    names = sorted(name for name, members in by_class.items() if len(members) >= FEWEST_GROUPS)
    if len(names) < 2:
        return None
    room = min(MOST_ROWS, int((MOST_WORK / (len(names) * FOLDS * (permutations + 1))) ** 0.5))
    rows: list[int] = []
    for turn in range(max(len(by_class[name]) for name in names)):
        if len(rows) >= room and turn >= FEWEST_GROUPS:
            break
        for name in names:
            rows += pure[by_class[name][turn]][:MOST_OF_A_GROUP] if turn < len(by_class[name]) else []
    index = np.array(sorted(rows), dtype=np.int64)
    y = np.searchsorted(np.array(names), labels[index]).astype(np.int64)
    keys = np.array([groups[i] or f"\0{i}" for i in index])
    return index, y, np.unique(keys, return_inverse=True)[1].astype(np.int64), names


# -- neighbours and votes ----------------------------------------------------------------------------------


def _neighbours(table: Floats, member: Ints) -> NDArray[np.float32]:
    """Return float32 (n, n), 1 where the column's row is among the neighbours of the row's."""
    square = (table**2).sum(axis=1)
    distance = np.maximum(square[:, None] + square - 2 * (table @ table.T), 0.0)
    distance[member[:, None] == member] = np.inf
    m = min(max(5, round(len(table) ** 0.5 / 2)), len(table) - int(np.bincount(member).max()))
    reach = np.partition(distance, m - 1, axis=1)[:, m - 1]
    near: NDArray[np.float32] = (distance <= reach[:, None] + 1e-9 * (1 + square.max())).astype(np.float32)
    return near


@dataclass(frozen=True)
class _Objects:
    """The rows' groups: ``member`` (n,) codes, ``of_group`` (g,) label of each, k labels."""

    member: Ints
    of_group: Ints
    k: int

    def drawn(self, rng: np.random.Generator, number: int, *, exchanged: bool) -> tuple[Ints, Ints]:
        """Return labels and folds of the rows, each int64 (number, n): stratified, groups whole, dealt anew each time.

        Every class is dealt from the first fold on, so that classes of one size have one size in every fold.
        """
        labels, folds = np.empty((2, number, len(self.member)), dtype=np.int64)
        for b in range(number):
            of_group = rng.permutation(self.of_group) if exchanged else self.of_group
            order = np.lexsort((rng.random(len(of_group)), of_group))
            size = np.bincount(of_group, minlength=self.k)
            place = np.arange(len(order)) - np.repeat(np.cumsum(size) - size, size)
            fold = np.empty(len(order), dtype=np.int64)
            fold[order] = place % FOLDS
            labels[b], folds[b] = of_group[self.member], fold[self.member]
        return labels, folds


def _judged(
    near: NDArray[np.float32], objects: _Objects, permutations: int, rng: np.random.Generator
) -> tuple[Floats, float]:
    """Return each row's share of a right vote, float64 (n,), and the p-value of their balanced mean."""
    labels, folds = objects.drawn(rng, 1, exchanged=False)
    credit = _credit(near, labels, folds, objects.k)
    observed = _balanced(credit, labels, objects.k)[0]
    at_once = max(1, int(4e6 / (len(near) * objects.k * FOLDS)))
    reached = 0
    for begin in range(0, permutations, at_once):
        labels, folds = objects.drawn(rng, min(at_once, permutations - begin), exchanged=True)
        drawn = _balanced(_credit(near, labels, folds, objects.k), labels, objects.k)
        reached += int((drawn >= observed - 1e-12).sum())
    return credit[0], (1 + reached) / (1 + permutations)


def _credit(near: NDArray[np.float32], labels: Ints, folds: Ints, k: int) -> Floats:
    """Return float64 (b, n): of the classes with the most votes from other folds, the share that is right."""
    b, n = labels.shape
    cell = folds * k + labels
    own = (cell.T[:, :, None] == np.arange(FOLDS * k)).astype(np.float32)
    votes = (near @ own.reshape(n, -1)).reshape(n, b, FOLDS, k)
    total = own.sum(axis=0).reshape(b, FOLDS, k)
    mine = folds.T[:, :, None, None]
    outside = votes.sum(axis=2) - np.take_along_axis(votes, mine, axis=2)[:, :, 0]
    possible = total.sum(axis=1, keepdims=True) - total
    share = outside / possible[np.arange(b), folds.T]
    best = share == share.max(axis=2, keepdims=True)
    right = np.take_along_axis(best, labels.T[:, :, None], axis=2)[:, :, 0]
    return np.asarray((right / best.sum(axis=2)).T, dtype=np.float64)


def _balanced(credit: Floats, labels: Ints, k: int) -> Floats:
    """Return float64 (b,), the mean over the classes of the mean credit."""
    means = [np.where(labels == c, credit, 0.0).sum(axis=1) / (labels == c).sum(axis=1) for c in range(k)]
    return np.asarray(np.mean(means, axis=0), dtype=np.float64)


def _corrected(found: Sequence[Shortcut], chance: float) -> tuple[Shortcut, ...]:
    asked = sorted((s.p_value, i) for i, s in enumerate(found) if s.balanced_accuracy is not None)
    result, floor = list(found), 0.0
    for rank, (p, i) in enumerate(asked):
        floor = max(floor, min(1.0, p * (len(asked) - rank)))
        told = found[i].balanced_accuracy
        material = told is not None and floor <= ALPHA and told.estimate >= chance + MATERIAL
        result[i] = Shortcut(found[i].trait, told, p, floor, material)
    return tuple(result)


def _bounded(value: Interval) -> Interval:
    return value._replace(low=max(0.0, value.low), high=min(1.0, value.high))


def _plain(found: Shortcut) -> dict[str, Any]:
    told = found.balanced_accuracy
    if told is None:
        return {"same_for_all": True, "balanced_accuracy": None, "p_value": None, "p_holm": None, "material": False}
    ends = {name: round(getattr(told, name), 4) for name in ("estimate", "low", "high", "level")}
    p_values = {"p_value": round(found.p_value, 6), "p_holm": round(found.p_holm, 6)}
    return {"same_for_all": False, "balanced_accuracy": ends, **p_values, "material": found.material}
