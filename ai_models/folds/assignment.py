"""Labels and groups to folds: groups stay whole, every fold holds every class, or the split is refused.

Each group is a vector of class counts, and the folds are filled so that the sum of squared deviations from each
fold's fair share is small: a greedy pass over the groups, those of the rarest class and the largest ones first, then
moves and swaps of groups while they help. Of several such searches the one with the least error of stratification
stands, and none that is less even than a plain greedy pass. Ties are broken by a hash of (seed, group), so the result
depends on the names of the groups and the seed, never on the order of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ai_models.core.errors import ConfigError, DataError, SplitRefusedError
from ai_models.core.rng import derive_seed
from ai_models.folds.balance import distortion, greedy, spread, unevenness
from ai_models.folds.polishing import polish
from ai_models.folds.search import Problem, search, solve

__all__ = ["assign_folds", "assign_holdout", "largest_k"]

_MANY_FOLDS = 100  # from here on the largest number of folds is told from below
_FEW_GROUPS = 1000  # up to here several searches are cheap; above, one is close to even


def assign_folds(
    labels: ArrayLike, groups: ArrayLike, k: int, *, seed: int, fixed: ArrayLike | None = None
) -> NDArray[np.int64]:
    """Divide rows into k folds that keep groups whole and are alike in their class counts.

    Parameters
    ----------
    labels
        Class of each row, shape (n,), text or integers.
    groups
        Group of each row, shape (n,); a group may hold several classes.
    k
        Number of folds, at least 2.
    seed
        Seed of the tie-breaks.
    fixed
        Folds that rows already have, int (n,), -1 where a row is free; every row of a group follows the fixed one.

    Returns
    -------
    ndarray of int64, shape (n,)
        In [0, k). Every fold holds at least one row of every class.

    Raises
    ------
    SplitRefusedError
        When no such folds exist; names the class, its number of groups and the largest k that works.
    """
    if k < 2:
        raise ConfigError([f"the number of folds must be at least 2, got {k}"])
    table = _tabulate(labels, groups)
    _refuse_scarce(table, k)
    kept = table.fixed(fixed, k)
    assigned = _best_folds(table, k, seed, kept)
    if assigned is None:
        raise SplitRefusedError(_no_folds(table, k))
    return assigned[table.row_group]


def assign_holdout(
    labels: ArrayLike, groups: ArrayLike, share: float, *, seed: int, fixed: ArrayLike | None = None
) -> NDArray[np.bool_]:
    """Hold out a share of the groups of every class.

    Parameters
    ----------
    labels, groups
        Class and group of each row, shape (n,).
    share
        Share of each class's groups to hold out, in [0, 1); 0 holds out nothing. At least one group of each class
        is held out and at least one is kept.
    seed
        Seed of the tie-breaks.
    fixed
        Sides that rows already have, int (n,): 1 held out, 0 kept, -1 free.

    Returns
    -------
    ndarray of bool, shape (n,)
        True where a row is held out.

    Raises
    ------
    SplitRefusedError
        When a class cannot stand on both sides; names the class and what to do.
    """
    if not 0 <= share < 1:
        raise ConfigError([f"the share to hold out must be in [0, 1), got {share!r}"])
    table = _tabulate(labels, groups)
    if share == 0:
        return np.zeros(len(table.row_group), dtype=np.bool_)
    _refuse_unsplittable(table)
    present = table.counts > 0
    per_group = np.maximum(table.counts.sum(axis=0) / np.maximum(present.sum(axis=0), 1), 1.0)
    # groups are what the share counts; images only decide between choices that are equal in groups
    weighed = np.hstack([present, present.any(axis=1, keepdims=True) * 0.1, table.counts / per_group * 0.01])
    problem = Problem(weighed, present, np.array([1.0 - share, share]), table.fixed(fixed, 2))
    assigned = solve(problem, table.names, seed)
    if assigned is None:
        raise SplitRefusedError(
            f"no share of {share:g} can be held out with every class on both sides, because groups hold several "
            "classes or are already placed: set the share to 0 or add photographs of other objects"
        )
    return np.equal(assigned[table.row_group], 1)


def largest_k(labels: ArrayLike, groups: ArrayLike) -> int:
    """Return the most folds such that every fold can hold every class.

    Parameters
    ----------
    labels, groups
        Class and group of each row, shape (n,).

    Returns
    -------
    int
        The number of groups of the rarest class, or less where groups that hold several classes stand in each
        other's way; 1 means that no cross-validation is possible. From 100 on it may be a lower bound.
    """
    return _largest_k(_tabulate(labels, groups))


# -- groups as count vectors ---------------------------------------------------------------------------
@dataclass(frozen=True)
class _Table:
    classes: list[str]
    names: list[str]
    row_group: NDArray[np.int64]  # (n,) index into names
    counts: NDArray[np.float64]  # (groups, classes) rows of each class

    def fixed(self, sides: ArrayLike | None, k: int) -> NDArray[np.int64]:
        chosen = np.full(len(self.names), -1, dtype=np.int64)
        if sides is None:
            return chosen
        given = np.asarray(sides, dtype=np.int64)
        if given.shape != self.row_group.shape or (given.size and (given.min() < -1 or given.max() >= k)):
            raise DataError(f"fixed must give each of {len(self.row_group)} rows -1 or a number below {k}")
        np.maximum.at(chosen, self.row_group, given)
        torn = np.flatnonzero((given >= 0) & (given != chosen[self.row_group]))
        if torn.size:
            name = self.names[self.row_group[torn[0]]]
            raise DataError(f"group '{name}' stands on two sides already: put its rows on one")
        return chosen


def _tabulate(labels: ArrayLike, groups: ArrayLike) -> _Table:
    y, g = np.asarray(labels), np.asarray(groups)
    if y.ndim != 1 or y.shape != g.shape:
        raise DataError(f"labels and groups must be two lists of equal length, got shapes {y.shape} and {g.shape}")
    if not y.size:
        raise SplitRefusedError("there are no rows to split: give images with a class")
    classes, class_index = np.unique(_sortable(y), return_inverse=True)
    names, row_group = np.unique(_sortable(g), return_inverse=True)
    counts = np.zeros((len(names), len(classes)))
    np.add.at(counts, (row_group, class_index), 1.0)
    texts = [str(c) for c in classes], [str(name) for name in names]
    return _Table(*texts, row_group.astype(np.int64), counts)


def _sortable(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.str_) if values.dtype == object else values


# -- refusals ------------------------------------------------------------------------------------------
def _groups_of(n: int) -> str:
    return f"{n} group{'s'[: n != 1]}"


def _refuse_scarce(table: _Table, k: int) -> None:
    per_class = (table.counts > 0).sum(axis=0)
    rarest = int(per_class.argmin())
    if per_class[rarest] >= k:
        return
    raise SplitRefusedError(
        f"class '{table.classes[rarest]}' has {_groups_of(int(per_class[rarest]))} of images (copies of one object "
        f"count once), which cannot fill {k} folds: {_way_out(_largest_k(table))}"
    )


def _no_folds(table: _Table, k: int) -> str:
    per_class = (table.counts > 0).sum(axis=0)
    rarest = int(per_class.argmin())
    return (
        f"no {k} folds can all hold class '{table.classes[rarest]}' ({_groups_of(int(per_class[rarest]))}) "
        f"and the others, because groups hold several classes or are already placed: {_way_out(_largest_k(table))}"
    )


def _way_out(best: int) -> str:
    if best >= 2:
        return f"the largest number of folds that works is {best}, or add photographs of other objects of that class"
    return "no number of folds works, add photographs of other objects of that class or leave the class out"


def _refuse_unsplittable(table: _Table) -> None:
    per_class = (table.counts > 0).sum(axis=0)
    rarest = int(per_class.argmin())
    if per_class[rarest] < 2:
        raise SplitRefusedError(
            f"class '{table.classes[rarest]}' has {_groups_of(int(per_class[rarest]))} of images (copies of one object "
            "count once), and holding one out needs 2: add photographs of another object of that class, "
            "or set the share that is held out to 0"
        )


def _largest_k(table: _Table) -> int:
    present = table.counts > 0
    high = int(present.sum(axis=0).min())
    pure = present.sum(axis=1) == 1
    low = min(high, max(1, int(present[pure].sum(axis=0).min()) if pure.any() else 1))
    if low >= _MANY_FOLDS:  # further ones are never asked for, and looking for them costs groups x folds
        return low
    while low < high:  # what works for k works for k - 1, by joining two folds
        middle = (low + high + 1) // 2
        problem = Problem(table.counts, present, np.full(middle, 1.0 / middle), np.full(len(present), -1))
        if solve(problem, table.names, 0) is not None:
            low = middle
        else:
            high = middle - 1
    return low


# -- choosing ------------------------------------------------------------------------------------------
def _best_folds(table: _Table, k: int, seed: int, fixed: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return the most even of several searches; the greedy pass is the bar that a search must reach to count."""
    counts = table.counts
    size = counts.sum(axis=1, keepdims=True)
    per_class = counts / counts.sum(axis=0) * counts.sum(axis=0).mean()
    problems = [
        Problem(np.hstack([scaled, size * 0.5]), counts > 0, np.full(k, 1.0 / k), fixed)
        for scaled in (per_class, counts)
    ]
    keys = np.array([derive_seed(seed, "folds", name) for name in table.names], dtype=np.int64)
    few = len(counts) <= _FEW_GROUPS
    found = [search(problem, keys) for problem in (problems if few else problems[1:])]
    candidates = [folds for folds in found if folds is not None]
    bar = greedy(counts, k, fixed)
    limit = _errors(counts, bar, k)
    if not candidates and not np.isfinite(limit).all():
        again = solve(problems[1], table.names, seed)
        return None if again is None else polish(counts, k, fixed, again, limit)
    polished = [polish(counts, k, fixed, folds, limit) for folds in candidates]
    even = [folds for folds in polished if (_errors(counts, folds, k) <= limit + 1e-12).all()]
    if not even:
        refined = polish(counts, k, fixed, bar, limit)
        even = [refined if (_errors(counts, refined, k) <= limit + 1e-12).all() else bar]
    return min(even, key=lambda folds: round(float(_errors(counts, folds, k).sum()), 9))


def _errors(counts: NDArray[np.float64], folds: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """Return the three errors of stratification; infinite where a fold lacks a class."""
    placed = np.zeros((k, counts.shape[1]))
    np.add.at(placed, folds, counts)
    if not placed.all():
        return np.full(3, np.inf)
    return np.array([distortion(placed), spread(placed), unevenness(placed)])
