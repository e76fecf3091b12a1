"""Do 95 % intervals hold the shipped model's figures on new objects, and how wide are they? In worlds that are known.

    python benchmarks/intervals.py [--folders 1000] [--cell NAME ...]

A folder has six classes of Gaussian objects with one to four photographs each; a linear classifier is judged on a
fifth of the objects held out, or out of fold by five grouped folds. The truth is what the shipped model (fitted on all
that was not held out) reaches on thousands of photographs of new objects. Beside the product's intervals stand two
errors: rows taken for objects, and predictions out of fold taken for held-out ones. The oracle is the interval
``estimate +- 1.96 sd`` with the true standard deviation of the estimate about the truth, over all folders of a cell.
Prints a Markdown table.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from ai_models.core.rng import generator
from ai_models.folds import assign_folds
from ai_models.metrics import (
    Interval,
    balancing_weights,
    brier_losses,
    fold_inflation,
    grouped_bootstrap_many,
    grouped_share,
    nll_losses,
    skewed_mean,
)

CLASSES, SIZE, FOLDS = 6, 12, 5
CELLS = {
    "10-40 objects, hard": ((10, 40), 1.8),
    "10-40 objects": ((10, 40), 2.7),
    "10-40 objects, easy": ((10, 40), 4.2),
    "10 objects": ((10, 10), 3.0),
    "40 objects": ((40, 40), 2.7),
}
"""Objects a class (each class its own number) and how far the classes lie apart."""
SHIPPED, ROWS, NAIVE = "as shipped", "rows for objects", "no inflation"


class Rows(NamedTuple):
    """Photographs: float (n, d), int (n,), int (n,)."""

    X: NDArray[np.float64]
    y: NDArray[np.int64]
    groups: NDArray[np.int64]


def photographs(rng: np.random.Generator, centres: NDArray[np.float64], objects: NDArray[np.int64]) -> Rows:
    """Draw objects about the centres of their classes, and one to four photographs about each object."""
    of_object = np.repeat(np.arange(CLASSES), objects)
    sizes = rng.integers(1, 5, len(of_object))
    member = np.repeat(np.arange(len(of_object)), sizes)
    middle = centres[of_object] + 0.7 * rng.normal(size=(len(of_object), SIZE))
    return Rows(middle[member] + 0.7 * rng.normal(size=(len(member), SIZE)), of_object[member], member)


def probabilities(fitted_on: Rows, X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what a shrunk linear discriminant says, float64 (n, k)."""
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1).fit(fitted_on.X, fitted_on.y)
    return np.asarray(model.predict_proba(X), dtype=np.float64)


def intervals(
    y: NDArray[np.int64], p: NDArray[np.float64], groups: NDArray[np.int64], inflation: float
) -> dict[str, Interval]:
    """Return the intervals of an evaluation; see `ai_models.metrics.scorecard`."""
    right = p.argmax(axis=1) == y
    losses = np.stack([nll_losses(y, p), brier_losses(y, p)])
    drawn = grouped_bootstrap_many(lambda rows: losses[:, rows].mean(axis=1), groups, draws=300, seed=0)
    nll, brier = (
        value.hull(skewed_mean(loss, groups)).stretched(np.sqrt(inflation))
        for value, loss in zip(drawn, losses, strict=True)
    )
    weights = balancing_weights(y, CLASSES)
    return {
        "accuracy": grouped_share(right, groups, inflation=inflation),
        "balanced accuracy": grouped_share(right, groups, weights=weights, inflation=inflation),
        "log loss": nll,
        "Brier score": brier,
    }


def truths(y: NDArray[np.int64], fresh: Rows, p: NDArray[np.float64]) -> dict[str, float]:
    """Return the model's figures on new objects, in the classes' shares of the rows that were judged."""
    share = np.bincount(y, minlength=CLASSES) / len(y)
    right = p.argmax(axis=1) == fresh.y

    def by_class(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([values[fresh.y == c].mean() for c in range(CLASSES)])

    return {
        "accuracy": float(share @ by_class(right)),
        "balanced accuracy": float(by_class(right).mean()),
        "log loss": float(share @ by_class(nll_losses(fresh.y, p))),
        "Brier score": float(share @ by_class(brier_losses(fresh.y, p))),
    }


def folder(number: int, cell: str) -> list[tuple[str, str, str, Interval, float]]:
    """Return (protocol, error, figure, interval, truth) of one simulated folder."""
    (fewest, most), apart = CELLS[cell]
    rng = generator(number, "intervals", cell)
    centres = rng.normal(size=(CLASSES, SIZE)) * apart / np.sqrt(SIZE)
    own = photographs(rng, centres, rng.integers(fewest, most + 1, CLASSES))
    fresh = photographs(rng, centres, np.full(CLASSES, 300))
    fold = assign_folds(own.y, own.groups.astype(str), FOLDS, seed=number)
    out_of_fold = np.empty((len(own.y), CLASSES))
    for f in range(FOLDS):
        out_of_fold[fold == f] = probabilities(Rows(*(part[fold != f] for part in own)), own.X[fold == f])
    test = fold == 0
    kept, judged = (Rows(*(part[side] for part in own)) for side in (~test, test))
    whole, shipped = probabilities(own, fresh.X), probabilities(kept, fresh.X)
    every = np.arange(len(own.y))
    inflation = fold_inflation(FOLDS)
    cases = [
        ("out of fold", SHIPPED, own.y, out_of_fold, own.groups, inflation, whole),
        ("out of fold", NAIVE, own.y, out_of_fold, own.groups, 1.0, whole),
        ("out of fold", ROWS, own.y, out_of_fold, every, inflation, whole),
        ("held out", SHIPPED, judged.y, out_of_fold[test], judged.groups, 1.0, shipped),
        ("held out", ROWS, judged.y, out_of_fold[test], every[test], 1.0, shipped),
    ]
    found = []
    for protocol, error, y, p, groups, factor, new in cases:
        true = truths(y, fresh, new)
        found += [
            (protocol, error, figure, value, true[figure]) for figure, value in intervals(y, p, groups, factor).items()
        ]
    return found


def table(folders: int, cells: list[str]) -> list[str]:
    """Return the lines of the table."""
    lines = [
        "| folders | judged | intervals | figure | hold the truth | width by the oracle's |",
        "|---|---|---|---|---|---|",
    ]
    for cell in cells:
        seen = defaultdict(list)
        for number in range(folders):
            for protocol, error, figure, value, truth in folder(number, cell):
                seen[protocol, error, figure].append((value.estimate, value.low, value.high, truth))
        for (protocol, error, figure), rows in seen.items():
            estimate, low, high, truth = np.array(rows).T
            held = np.mean((low <= truth) & (truth <= high))
            ratio = np.mean(high - low) / (2 * 1.959964 * np.std(estimate - truth, ddof=1))
            lines.append(f"| {cell} | {protocol} | {error} | {figure} | {held:.3f} | {ratio:.2f} |")
            print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folders", type=int, default=1000)
    parser.add_argument("--cell", action="append", choices=CELLS, help="only these; may be repeated")
    arguments = parser.parse_args()
    table(arguments.folders, arguments.cell or list(CELLS))


if __name__ == "__main__":
    main()
