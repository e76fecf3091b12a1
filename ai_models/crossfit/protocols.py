"""The same rows and the same classifier under three ways to split: what a leak makes of the figure.

``naive`` splits photographs at random and forgets which show one object; ``augmented`` makes copies of all of them
first and splits copies and originals together; ``grouped`` keeps every object, with all that shows it, on one side.
Only the last says how the classifier does on objects that it has not seen.

The classifier is the plain baseline, logistic regression on features that nothing was fitted for, each block scaled
to length 1 a row: the gap is a matter of the split, so that a cheap and fixed classifier serves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from ai_models.core.rng import derive_seed
from ai_models.execution import map_ordered
from ai_models.folds import assign_folds, largest_k

__all__ = ["PROTOCOLS", "PhotographRows", "ProtocolHits", "hits_by_protocol"]

PROTOCOLS = ("naive", "augmented", "grouped")
STRENGTH = 100.0
"""Inverse strength of the ridge penalty; that of the baseline among the candidates of training."""


@dataclass(frozen=True)
class PhotographRows:
    """Photographs with copies of them, in features that nothing was fitted for.

    Attributes
    ----------
    X
        float (n, d), the photographs.
    y
        int64 (n,), classes in [0, k).
    groups
        (n,), the object that each shows.
    copies
        float (m, d), augmented copies.
    parents
        int64 (m,), the photograph that each copy was made of.
    """

    X: NDArray[np.float32]
    y: NDArray[np.int64]
    groups: NDArray[np.str_]
    copies: NDArray[np.float32]
    parents: NDArray[np.int64]


@dataclass(frozen=True)
class ProtocolHits:
    """How often each photograph was classified rightly under each protocol.

    Attributes
    ----------
    hits
        Protocol -> float64 (n,) in [0, 1]: mean over the repeats, and under ``augmented`` over the photograph and
        its copies, as a figure on all test rows weighs them.
    folds, repeats
        Folds of each split; draws of the folds.
    """

    hits: dict[str, NDArray[np.float64]]
    folds: int
    repeats: int


@dataclass(frozen=True)
class _Task:
    X: NDArray[np.float32]
    y: NDArray[np.int64]
    scored: NDArray[np.bool_]


def hits_by_protocol(
    rows: PhotographRows, *, folds: int, repeats: int, seed: int, workers: int, label: str = ""
) -> ProtocolHits:
    """Cross-validate the baseline on the same photographs under each protocol.

    Parameters
    ----------
    rows
        The photographs.
    folds
        Folds of each split, at least 2; fewer are drawn where the rarest class has fewer objects.
    repeats
        How many draws of the folds are averaged.
    seed
        Of the draws.
    workers
        Threads; 0 for one a core. The result does not depend on it.
    label
        Text of the progress bar; empty for none.

    Raises
    ------
    SplitRefusedError
        When a class has a single object, so that no grouped split exists.
    """
    k = max(2, min(folds, largest_k(rows.y, rows.groups)))
    both = np.concatenate([rows.X, rows.copies])
    parents = np.concatenate([np.arange(len(rows.y)), rows.parents])
    y = rows.y[parents]
    plan = [(protocol, repeat) for repeat in range(repeats) for protocol in PROTOCOLS]

    def tasks() -> Iterator[_Task]:
        for protocol, repeat in plan:
            drawn = _draw(protocol, rows, y, k, derive_seed(seed, f"leak meter, {protocol}", repeat))
            used = both if protocol == "augmented" else rows.X
            yield from (_Task(used, y[: len(used)], drawn == fold) for fold in range(k))

    right = map_ordered(
        _right, tasks(), workers=workers, backend="threads", label=label, unit="fit", total=len(plan) * k
    )
    hits = {protocol: np.zeros(len(rows.y)) for protocol in PROTOCOLS}
    shown = np.bincount(parents)  # rows that show a photograph, itself and its copies
    for protocol, _ in plan:
        for _ in range(k):
            scored, correct = next(right)
            np.add.at(hits[protocol], parents[scored], correct / repeats)
    hits["augmented"] /= shown
    return ProtocolHits(hits, k, repeats)


def _draw(protocol: str, rows: PhotographRows, y: NDArray[np.int64], k: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of each row: of the photographs, or under ``augmented`` of photographs and copies."""
    if protocol == "grouped":
        return assign_folds(rows.y, rows.groups, k, seed=seed)
    labels = y if protocol == "augmented" else rows.y
    drawn = np.empty(len(labels), dtype=np.int64)
    splitter = StratifiedKFold(k, shuffle=True, random_state=seed)
    for fold, (_, scored) in enumerate(splitter.split(labels[:, None], labels)):
        drawn[scored] = fold
    return drawn


def _right(task: _Task) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Fit without the scored rows; return these and whether each was classified rightly."""
    fitted = ~task.scored
    model = LogisticRegression(C=STRENGTH, max_iter=1000).fit(task.X[fitted], task.y[fitted])
    return np.flatnonzero(task.scored), np.equal(model.predict(task.X[task.scored]), task.y[task.scored])
