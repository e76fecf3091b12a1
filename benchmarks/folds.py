"""Folds of random small problems beside scikit-learn's StratifiedGroupKFold: validity, evenness, refusals, time.

    python benchmarks/folds.py [--problems 10000] [--workers 2]

2 to 12 classes of 4 to 40 images, uneven groups, k from 2 to 10; in one problem of four, groups hold several classes.
A fold is degenerate when it lacks a class. Stratification error: distance of a class's share of a fold from its share
of all rows, mean over folds and classes, so that it is 0 exactly where each fold has the proportions of the whole and
a small class counts as much as a large one. Beside it stands the figure that scikit-learn's own rule keeps low, the
standard deviation over folds of the share of a class's rows, and the same of the share of all rows. scikit-learn is
called without shuffling, on every tenth problem with it as well; a tenth also holds out a fifth of the groups. A
refusal is checked by integer programming: the k that was asked for must have no valid folds, and the k that it offers
must have some.
"""

from __future__ import annotations

import argparse
import re
import time
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array
from sklearn.model_selection import StratifiedGroupKFold

from ai_models.core.errors import SplitRefusedError
from ai_models.core.rng import generator
from ai_models.folds import assign_folds, assign_holdout, distortion, spread, unevenness

Labels = NDArray[np.int64]


@dataclass
class Tally:
    """Counts of events, and errors of pairs of valid divisions."""

    events: Counter[str] = field(default_factory=Counter)
    errors: list[tuple[float, ...]] = field(default_factory=list)
    ours_ms: list[float] = field(default_factory=list)
    theirs_ms: list[float] = field(default_factory=list)


def problem(number: int) -> tuple[Labels, Labels, int]:
    """Return labels, groups and k of one random problem."""
    random = generator(0, "fold-problem", number)
    classes, k = int(random.integers(2, 13)), int(random.integers(2, 11))
    sizes = random.integers(4, 41, classes)
    labels = np.repeat(np.arange(classes), sizes)
    evenness = random.uniform(0.25, 0.95)  # of the geometric sizes of groups: 0.25 for about four images a group
    groups = np.empty(len(labels), dtype=np.int64)
    name = 0
    for c in range(classes):
        rows = np.flatnonzero(labels == c)
        cuts = np.cumsum(random.geometric(evenness, len(rows)))
        groups[rows] = name + np.searchsorted(cuts, np.arange(len(rows)), side="right")
        name = int(groups.max()) + 1
    if random.random() < 0.25:  # objects that stand in several classes
        moved = random.random(len(labels)) < random.uniform(0.02, 0.2)
        groups[moved] = random.choice(groups, int(moved.sum()))
    return labels, groups, k


def placed(labels: Labels, folds: Labels, k: int) -> NDArray[np.float64]:
    """Return the rows of each class in each fold, shape (folds, classes)."""
    counts = np.zeros((k, int(labels.max()) + 1))
    np.add.at(counts, (folds, labels), 1.0)
    return counts


def feasible(labels: Labels, groups: Labels, k: int) -> bool | None:
    """Whether k folds can all hold every class, by integer programming; None where ten seconds do not tell."""
    names, row_group = np.unique(groups, return_inverse=True)
    holds = np.zeros((int(labels.max()) + 1, len(names)))
    holds[labels, row_group] = 1.0
    if holds.sum(axis=1).min() < k:
        return False
    if (holds.sum(axis=0) == 1).all():
        return True  # groups of one class are dealt out class by class
    one_fold = csr_array(np.kron(np.eye(len(names)), np.ones((1, k))))
    every_class = csr_array(np.kron(holds, np.eye(k)))
    n = len(names) * k
    found = milp(
        np.zeros(n),
        integrality=np.ones(n),
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(one_fold, 1, 1), LinearConstraint(every_class, 1, np.inf)],
        options={"time_limit": 10},
    )
    return {0: True, 2: False}.get(found.status)


def theirs(labels: Labels, groups: Labels, k: int, shuffle: int | None) -> Labels | None:
    """Return scikit-learn's folds; None where it raises."""
    folds = np.full(len(labels), -1, dtype=np.int64)
    splitter = StratifiedGroupKFold(k, shuffle=shuffle is not None, random_state=shuffle)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for f, (_, test) in enumerate(splitter.split(labels, labels, groups)):
                folds[test] = f
    except ValueError:
        return None
    return folds


def _check_refusal(tally: Tally, message: str, labels: Labels, groups: Labels, k: int) -> None:
    tally.events["refused"] += 1
    answer = feasible(labels, groups, k)
    tally.events[{True: "refused although feasible", None: "refused, not decided"}.get(answer, "refused rightly")] += 1
    offered = re.search(r"largest number of folds that works is (\d+)", message)
    best = int(offered[1]) if offered else 1
    if best >= 2 and feasible(labels, groups, best) is False:
        tally.events["offered k impossible"] += 1
    if best + 1 < k and feasible(labels, groups, best + 1):
        tally.events["offered k not the largest"] += 1


def _beside(tally: Tally, labels: Labels, groups: Labels, k: int, ours: NDArray[np.float64] | None, seed: int) -> None:
    for name, shuffle in (("", None), (" shuffled", seed))[: 1 + (seed % 10 == 0)]:
        start = time.process_time()
        other = theirs(labels, groups, k, shuffle)
        tally.theirs_ms.append(1e3 * (time.process_time() - start))
        counts = None if other is None else placed(labels, other, k)
        if counts is None or not counts.all():
            if ours is not None:
                tally.events[f"sklearn{name} degenerate where ours is valid"] += 1
            continue
        if ours is None:
            tally.events[f"sklearn{name} valid where ours refused"] += 1
            continue
        errors = tuple(error(d) for error in (distortion, spread, unevenness) for d in (ours, counts))
        tally.events[f"both valid{name}"] += 1
        tally.events[f"stratification error above{name}"] += errors[0] > errors[1] + 1e-9
        tally.events[f"deviation of shares above{name}"] += errors[2] > errors[3] + 1e-9
        tally.events[f"sizes of folds less even{name}"] += errors[4] > errors[5] + 1e-9
        if shuffle is None:
            tally.errors.append(errors)


def _holdout(tally: Tally, labels: Labels, groups: Labels, seed: int) -> None:
    try:
        out = assign_holdout(labels, groups, 0.2, seed=seed)
    except SplitRefusedError:
        tally.events["holdout refused"] += 1
        tally.events["holdout refused although feasible"] += feasible(labels, groups, 2) is True
        return
    counts = placed(labels, out.astype(np.int64), 2)
    tally.events["holdout"] += 1
    tally.events["holdout degenerate"] += not counts.all()
    tally.events["holdout group torn"] += _torn(groups, out.astype(np.int64))


def _torn(groups: Labels, sides: Labels) -> bool:
    return len(np.unique(np.column_stack([groups, sides]), axis=0)) > len(np.unique(groups))


def measure(numbers: range) -> Tally:
    """Return the tally of some problems."""
    tally = Tally()
    for number in numbers:
        labels, groups, k = problem(number)
        start = time.process_time()
        ours = None
        try:
            folds = assign_folds(labels, groups, k, seed=number)
        except SplitRefusedError as refusal:
            _check_refusal(tally, str(refusal), labels, groups, k)
        else:
            tally.ours_ms.append(1e3 * (time.process_time() - start))
            ours = placed(labels, folds, k)
            tally.events["placed"] += 1
            tally.events["ours degenerate"] += not ours.all()
            tally.events["ours group torn"] += _torn(groups, folds)
        _beside(tally, labels, groups, k, ours, number)
        if number % 10 == 0:
            _holdout(tally, labels, groups, number)
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    parts = [range(i, arguments.problems, 20) for i in range(20)]
    total = Tally()
    with ProcessPoolExecutor(arguments.workers) as pool:
        for tally in pool.map(measure, parts):
            total.events.update(tally.events)
            total.errors += tally.errors
            total.ours_ms += tally.ours_ms
            total.theirs_ms += tally.theirs_ms
    print(f"{arguments.problems} problems")
    for name, n in sorted(total.events.items()):
        print(f"{name:<44}{n:>7}")
    mean = np.mean(total.errors, axis=0)
    print(f"{'mean where both are valid':<44}{'ours':>9}{'sklearn':>9}")
    print(f"{'stratification error':<44}{mean[0]:>9.4f}{mean[1]:>9.4f}")
    print(f"{'deviation of shares':<44}{mean[2]:>9.4f}{mean[3]:>9.4f}")
    print(f"{'deviation of sizes':<44}{mean[4]:>9.4f}{mean[5]:>9.4f}")
    for name, times in (("ours", total.ours_ms), ("sklearn", total.theirs_ms)):
        print(f"ms a division, {name:<29}{np.mean(times):>7.1f} mean{np.quantile(times, 0.99):>7.1f} 99 %")


if __name__ == "__main__":
    main()
