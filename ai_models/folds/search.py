"""Local search for a division of groups: fill greedily, then move and swap while that lowers a quadratic cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_models.core.rng import derive_seed

__all__ = ["Problem", "search", "solve"]

_MISSING = 1e12  # what a fold without a class costs: more than any imbalance
_ATTEMPTS = 8  # orders of filling that are tried before a split is called impossible
_SWAP_CANDIDATES = 96  # groups of a fold that one round of swaps looks at
_ROUNDS = 400  # most moves and swaps of one improvement


@dataclass(frozen=True)
class Problem:
    """Groups to place. `weighed` (g, d) is what is balanced, `present` (g, c) which classes a group holds."""

    weighed: NDArray[np.float64]
    present: NDArray[np.bool_]
    shares: NDArray[np.float64]
    fixed: NDArray[np.int64]


def solve(problem: Problem, names: list[str], seed: int) -> NDArray[np.int64] | None:
    """Return the side of each group with every class on every side, or None where no attempt finds such sides."""
    # Later attempts do not use the run's seed: whether a split exists must not depend on it.
    for attempt in range(_ATTEMPTS):
        source, purpose = (seed, "folds") if attempt == 0 else (attempt, "folds-again")
        keys = np.array([derive_seed(source, purpose, name) for name in names], dtype=np.int64)
        found = search(problem, keys)
        if found is not None:
            return found
    return None


def search(
    problem: Problem, keys: NDArray[np.int64], start: NDArray[np.int64] | None = None
) -> NDArray[np.int64] | None:
    """Fill in the order of scarcity, size and `keys`, or take `start`, then improve; None where a class is lacking."""
    state = _State(problem, keys, start)
    if start is None:
        state.fill()
    state.improve()
    return None if state.missing() else state.fold


class _State:
    """Folds being filled: `off` (k, d) is what a fold holds less its fair share, `held` (k, c) groups a class."""

    # The cost is the sum over folds of |off|^2 / share, so that unequal folds fill in proportion.

    def __init__(self, problem: Problem, keys: NDArray[np.int64], start: NDArray[np.int64] | None) -> None:
        self.p = problem
        self.k = len(problem.shares)
        self.fold = (problem.fixed if start is None else start).copy()
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
