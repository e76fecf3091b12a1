"""What this many photographs allow: folds, hold-out, and what nobody can claim from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ai_models.core.counts import photographs_of, plural
from ai_models.core.paths import to_text
from ai_models.core.records import Manifest
from ai_models.folds import largest_k
from ai_models.metrics.calibration import ece_floor
from ai_models.metrics.intervals import clopper_pearson

__all__ = ["Advice", "advise"]

USUAL_FOLDS = 5
ENOUGH_HELD_OUT = 10
"""Objects of the smallest class that a hold-out should have before its figures say much."""
FEW = 5
"""Objects below which a class's own accuracy is not spoken of."""
COVERAGES = (0.99, 0.95, 0.9, 0.8)


@dataclass(frozen=True)
class Advice:
    """How to judge a model on a data set.

    Attributes
    ----------
    images, groups
        Class -> number of photographs, and of objects (groups) among them.
    largest_k
        Most folds that can all hold every class; 0 where there is nothing to classify.
    folds, repeats
        Advised folds of cross-validation, and how often to repeat them with another seed; 0 where none is possible.
    grouped
        Whether some photographs share an object, so that folds must keep groups whole.
    test_size
        Advised share to hold out; 0 = judge by out-of-fold predictions.
    accuracy_at_90
        Class -> 95 % Clopper-Pearson interval of its accuracy if nine tenths of its objects are recognised.
    ece_floor
        Mean ECE (15 bins) that a perfectly calibrated model would show on this many objects; NaN without classes.
    coverage
        Highest of .99, .95, .9, .8 that sets promised class by class can have in the smallest class; 0 for none.
    sentences
        The same in words.
    """

    images: Mapping[str, int]
    groups: Mapping[str, int]
    largest_k: int
    folds: int
    repeats: int
    grouped: bool
    test_size: float
    accuracy_at_90: Mapping[str, tuple[float, float]]
    ece_floor: float
    coverage: float
    sentences: tuple[str, ...]


def advise(manifest: Manifest) -> Advice:
    """Work out the advice from labels and groups; augmented copies do not count."""
    photographs = manifest.originals()
    counts = photographs.counts()
    images = {name: n for name, (n, _) in counts.items()}
    groups = {name: g for name, (_, g) in counts.items()}
    labelled = photographs.where(lambda r: r.label in counts)
    total = len(set(labelled.groups.tolist()))
    grouped = total < len(labelled)
    if len(counts) < 2:
        known = "no class" if not counts else f"only the class '{to_text(next(iter(counts)))}'"
        sentence = f"There is {known}: a classifier needs photographs of at least two classes, one folder for each."
        return Advice(images, groups, 0, 0, 0, grouped, 0.0, {}, float("nan"), 0.0, (sentence,))
    most = largest_k(labelled.labels, labelled.groups)
    smallest = min(groups, key=lambda name: (groups[name], name))
    least = groups[smallest]
    folds = min(USUAL_FOLDS, most) if most >= 2 else 0
    repeats = 0 if not folds else 1 if total >= 1000 and least >= 100 else 3 if total >= 500 else 5
    test_size = 0.2 if 0.2 * least >= ENOUGH_HELD_OUT else 0.0
    accuracy = {name: _at_90(g) for name, g in groups.items()}
    floor = _floor(total, len(counts))
    coverage = next((c for c in COVERAGES if least >= round(c / (1 - c))), 0.0)
    sentences = (
        f"There are {photographs_of(len(labelled), total)} in {len(counts)} classes; "
        f"the smallest class, '{to_text(smallest)}', has "
        f"{photographs_of(images[smallest], least)}.",
        _on_folds(most, folds, repeats, smallest),
        _on_groups(len(labelled) - total),
        *([_on_hold_out(test_size, least, smallest)] if folds else []),
        _on_accuracy(smallest, least, accuracy[smallest], total),
        f"Even a model whose confidence is perfectly honest would show a calibration error (ECE, 15 bins) of about "
        f"{floor:.2f} on {total} objects: a measured ECE below that is luck, and one near it is no fault.",
        _on_coverage(coverage, least, smallest),
    )
    return Advice(images, groups, most, folds, repeats, grouped, test_size, accuracy, floor, coverage, sentences)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _at_90(n: int) -> tuple[float, float]:
    interval = clopper_pearson(0.9 * n, n)
    return interval.low, interval.high


def _floor(n: int, k: int) -> float:
    """Return the floor for confidences spread evenly from a guess's half-way mark to certainty."""
    top = np.linspace(0.5 + 0.5 / k, 0.99, max(n, 1))
    p = np.repeat(((1 - top) / (k - 1))[:, None], k, axis=1)
    p[:, 0] = top
    return ece_floor(p, bins=15, seed=0)[0]


def _on_folds(most: int, folds: int, repeats: int, smallest: str) -> str:
    if not folds:
        return (
            f"Cross-validation is not possible: class '{to_text(smallest)}' has too few different objects for every "
            "fold to hold one, so photograph at least one more object of it."
        )
    again = "" if repeats < 2 else f", repeated {repeats} times with another seed because one division is partly luck"
    return f"At most {most} folds can all hold every class; use {folds} folds{again}."


def _on_groups(shared: int) -> str:
    if shared:
        return (
            f"{plural(shared, 'photograph')} beyond the first of each object {'shows' if shared == 1 else 'show'} one "
            "that is there already. Keep photographs of one object together (the column 'group' of manifest.csv does "
            "it); otherwise the model is examined on what it has learnt. That two photographs show front and back of "
            "one piece no pixel tells: name those in a file with the columns file,group and give it with --groups."
        )
    return (
        "No two photographs were found to show one object. If you know of some (front and back, a second shot), "
        "name them in a file with the columns file,group and give it with --groups."
    )


def _on_hold_out(test_size: float, least: int, smallest: str) -> str:
    if test_size:
        return (
            f"Holding out {_percent(test_size)} leaves about {round(test_size * least)} objects of the smallest class "
            "to judge by, which is enough for a first figure."
        )
    fifth = plural(max(1, round(0.2 * least)), "object")
    return (
        f"Do not hold photographs out for good: a fifth of '{to_text(smallest)}' would be only about {fifth}. Train "
        "with --test-size 0 and judge by out-of-fold predictions, in which every photograph is examined once by a "
        "model that has not seen its object."
    )


def _on_accuracy(smallest: str, least: int, interval: tuple[float, float], total: int) -> str:
    low, high = (_percent(end) for end in _at_90(total))
    overall = (
        f"A model that recognises nine of ten of the {plural(total, 'object')} is right on {low} to {high} of further "
        "ones (95 % interval)"
    )
    if least < FEW:
        return f"{overall}; for '{to_text(smallest)}' alone no figure can be stated from {plural(least, 'object')}."
    low, high = (_percent(end) for end in interval)
    return (
        f"{overall}; for '{to_text(smallest)}' alone, with {least}, on {low} to {high}. Models whose figures differ by "
        "less than these spans cannot be told apart by them."
    )


def _on_coverage(coverage: float, least: int, smallest: str) -> str:
    if coverage:
        return (
            "Answers that list every class still in play can promise to hold the right one up to "
            f"{_percent(coverage)} of the time for each class alone; '{to_text(smallest)}' with its "
            f"{plural(least, 'object')} sets this limit (90 % needs 9 objects, 95 % needs 19, 99 % needs 99)."
        )
    return (
        f"No promise of coverage can be made for '{to_text(smallest)}' alone: its {plural(least, 'object')} fall "
        "short of the 4 that 80 % needs (9 for 90 %, 19 for 95 %)."
    )
