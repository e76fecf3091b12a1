"""Labels and groups to folds: groups stay whole, every fold holds every class, or the split is refused.

Each group is a vector of class counts, and the folds are filled so that the sum of squared deviations from each
fold's fair share is small: a greedy pass over the groups, those of the rarest class and the largest ones first, then
moves and swaps of groups while they help. Ties are broken by a hash of (seed, group), so the result depends on the
names of the groups and the seed, never on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ai_models.core.errors import ConfigError, DataError, SplitRefusedError
from ai_models.core.rng import derive_seed

__all__ = ["GroupedStratifiedKFold", "assign_folds", "assign_holdout", "largest_k"]

_MISSING = 1e12  # what a fold without a class costs: more than any imbalance
_ATTEMPTS = 8  # orders of filling that are tried before a split is called impossible
_SWAP_CANDIDATES = 96  # groups of a fold that one round of swaps looks at
_ROUNDS = 400  # most moves and swaps of one improvement


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
    weighed = np.hstack([table.counts, table.counts.sum(axis=1, keepdims=True) * 0.5])
    problem = _Problem(weighed, table.counts > 0, np.full(k, 1.0 / k), table.fixed(fixed, k))
    assigned = _solve(problem, table.names, seed)
    if assigned is None:
        raise SplitRefusedError(_no_folds(table, k, problem))
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
    problem = _Problem(weighed, present, np.array([1.0 - share, share]), table.fixed(fixed, 2))
    assigned = _solve(problem, table.names, seed)
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
        other's way; 1 means that no cross-validation is possible.
    """
    return _largest_k(_tabulate(labels, groups))


class GroupedStratifiedKFold:
    """scikit-learn CV splitter on `assign_folds`.

    Unlike ``sklearn.model_selection.StratifiedGroupKFold`` no fold is ever empty or without a class, and the folds
    do not depend on the order of the rows.

    Parameters
    ----------
    n_splits
        Number of folds, at least 2.
    seed
        Seed of the tie-breaks.
    """

    def __init__(self, n_splits: int = 5, seed: int = 0) -> None:
        self.n_splits = n_splits
        self.seed = seed

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n_splits={self.n_splits}, seed={self.seed})"

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds; the arguments are ignored."""
        return self.n_splits

    def split(
        self, X: Any, y: ArrayLike, groups: ArrayLike | None = None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield the row indices to fit on and to score, fold by fold; X is ignored.

        Raises
        ------
        DataError
            When `groups` is missing: splitting rows of one object apart is the leak that this class exists against.
        SplitRefusedError
            See `assign_folds`.
        """
        if groups is None:
            raise DataError(
                "GroupedStratifiedKFold needs groups: pass groups=, one name a row for each physical object"
            )
        folds = assign_folds(y, groups, self.n_splits, seed=self.seed)
        for fold in range(self.n_splits):
            yield np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)


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
    classes, class_index = np.unique(y.astype(np.str_), return_inverse=True)
    names, row_group = np.unique(g.astype(np.str_), return_inverse=True)
    counts = np.zeros((len(names), len(classes)))
    np.add.at(counts, (row_group, class_index), 1.0)
    return _Table(classes.tolist(), names.tolist(), row_group.astype(np.int64), counts)


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


def _no_folds(table: _Table, k: int, problem: _Problem) -> str:
    per_class = problem.present.sum(axis=0)
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
    while low < high:  # what works for k works for k - 1, by joining two folds
        middle = (low + high + 1) // 2
        problem = _Problem(table.counts, present, np.full(middle, 1.0 / middle), np.full(len(present), -1))
        if _solve(problem, table.names, 0) is not None:
            low = middle
        else:
            high = middle - 1
    return low


# -- search --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Problem:
    """Groups to place. `weighed` (g, d) is what is balanced, `present` (g, c) which classes a group holds."""

    weighed: NDArray[np.float64]
    present: NDArray[np.bool_]
    shares: NDArray[np.float64]
    fixed: NDArray[np.int64]


def _solve(problem: _Problem, names: list[str], seed: int) -> NDArray[np.int64] | None:
    # Later attempts do not use the run's seed: whether a split exists must not depend on it.
    for attempt in range(_ATTEMPTS):
        source, purpose = (seed, "folds") if attempt == 0 else (attempt, "folds-again")
        keys = np.array([derive_seed(source, purpose, name) for name in names], dtype=np.int64)
        state = _State(problem, keys)
        state.fill()
        state.improve()
        if not state.missing():
            return state.fold
    return None


class _State:
    """Folds being filled: `off` (k, d) is what a fold holds less its fair share, `held` (k, c) groups a class."""

    # The cost is the sum over folds of |off|^2 / share, so that unequal folds fill in proportion.

    def __init__(self, problem: _Problem, keys: NDArray[np.int64]) -> None:
        self.p = problem
        self.k = len(problem.shares)
        self.fold = problem.fixed.copy()
        self.present = problem.present.astype(np.float64)
        self.size: NDArray[np.float64] = (problem.weighed**2).sum(axis=1)
        kinds = np.unique(problem.weighed, axis=0, return_inverse=True)[1]
        self.kind: NDArray[np.int64] = kinds.reshape(-1).astype(np.int64)
        self.off = -np.outer(problem.shares, problem.weighed.sum(axis=0))
        self.held = np.zeros((self.k, problem.present.shape[1]))
        for f in range(self.k):
            inside = self.fold == f
            self.off[f] += problem.weighed[inside].sum(axis=0)
            self.held[f] = self.present[inside].sum(axis=0)
        scarcity = np.where(problem.present, problem.present.sum(axis=0), np.inf).min(axis=1)
        order = np.lexsort((keys, -self.size, scarcity))
        self.free: NDArray[np.int64] = order[problem.fixed[order] < 0]

    def fill(self) -> None:
        """Put each free group where it helps most, the most constrained first."""
        rank = np.arange(self.k)
        for g in self.free:
            cost = (2.0 * self.off @ self.p.weighed[g] + self.size[g]) / self.p.shares
            cost -= _MISSING * ((self.held == 0) @ self.present[g])
            best = int(np.lexsort((rank, self.held.sum(axis=1), np.round(cost, 6)))[0])
            self._add(int(g), best, 1.0)
            self.fold[g] = best

    def improve(self) -> None:
        """Move one group, or swap two, while that lowers the cost."""
        for _ in range(_ROUNDS):
            if not (self._best_move() or self._best_swap()):
                return

    def missing(self) -> bool:
        """Whether some fold lacks some class."""
        return bool((self.held == 0).any())

    def _add(self, g: int, fold: int, sign: float) -> None:
        self.off[fold] += sign * self.p.weighed[g]
        self.held[fold] += sign * self.present[g]

    def _relocate(self, g: int, fold: int) -> None:
        self._add(g, int(self.fold[g]), -1.0)
        self._add(g, fold, 1.0)
        self.fold[g] = fold

    def _best_move(self) -> bool:
        if not self.free.size:
            return False
        at = self.fold[self.free]
        rows = np.arange(len(at))
        pull = 2.0 * self.p.weighed[self.free] @ self.off.T
        size = self.size[self.free]
        present = self.present[self.free]
        lost = (present @ (self.held == 1).T)[rows, at]
        gained = present @ (self.held == 0).T
        change = (pull + size[:, None]) / self.p.shares
        change -= ((pull[rows, at] - size) / self.p.shares[at])[:, None]
        change += _MISSING * (lost[:, None] - gained)
        change[rows, at] = 0.0
        best = int(np.round(change, 6).argmin())
        row, fold = divmod(best, self.k)
        if change[row, fold] > -1e-6:
            return False
        self._relocate(int(self.free[row]), fold)
        return True

    def _best_swap(self) -> bool:
        uneven = (self.off**2).sum(axis=1) / self.p.shares
        pairs = sorted(
            ((a, b) for a in range(self.k) for b in range(a + 1, self.k)),
            key=lambda pair: (-round(uneven[pair[0]] + uneven[pair[1]], 6), pair),
        )
        return any(self._swap_between(a, b) for a, b in pairs[: 4 * self.k])

    def _swap_between(self, a: int, b: int) -> bool:
        left, right = self._candidates(a), self._candidates(b)
        if not left.size or not right.size:
            return False
        step = self.p.weighed[right][None] - self.p.weighed[left][:, None]  # what fold a gains, (l, r, d)
        size = (step**2).sum(axis=2)
        change = (size + 2.0 * step @ self.off[a]) / self.p.shares[a]
        change += (size - 2.0 * step @ self.off[b]) / self.p.shares[b]
        flow = self.present[right][None] - self.present[left][:, None]
        for fold, sign in ((a, 1.0), (b, -1.0)):
            after = self.held[fold] + sign * flow
            change += _MISSING * ((after == 0).sum(axis=2) - (self.held[fold] == 0).sum())
        row, column = divmod(int(np.round(change, 6).argmin()), len(right))
        if change[row, column] > -1e-6:
            return False
        self._relocate(int(left[row]), b)
        self._relocate(int(right[column]), a)
        return True

    def _candidates(self, fold: int) -> NDArray[np.int64]:
        """Return free groups of a fold, one of each kind (equal vectors are the same swap)."""
        inside = self.free[self.fold[self.free] == fold]
        first: NDArray[np.int64] = np.unique(self.kind[inside], return_index=True)[1]
        return np.take(inside, np.sort(first)[:_SWAP_CANDIDATES])
