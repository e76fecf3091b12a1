"""The photographs that both models judged without having been fitted on them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_models.core.counts import plural
from ai_models.core.errors import DataError
from ai_models.core.records import ImageRecord
from ai_models.duplicates import connected_groups, edges_within
from ai_models.evaluation.comparison.sides import Side

__all__ = ["Shared", "shared_rows"]


@dataclass(frozen=True)
class Shared:
    """Photographs judged by both, with equal columns.

    Attributes
    ----------
    classes
        k names, in A's order.
    paths
        n, as A calls them.
    y
        int64 (n,).
    a, b
        float64 (n, k), probabilities of A and of B.
    groups
        (n,): what either holds for one object is one object.
    only_a, only_b
        Photographs that the other did not judge.
    """

    classes: tuple[str, ...]
    paths: tuple[str, ...]
    y: NDArray[np.int64]
    a: NDArray[np.float64]
    b: NDArray[np.float64]
    groups: NDArray[np.str_]
    only_a: int
    only_b: int


def shared_rows(a: Side, b: Side) -> Shared:
    """Pair the photographs of two models, by path where nothing speaks against it, else by content.

    Raises
    ------
    DataError
        When the models know other classes, share no photograph, or give one photograph two labels.
    """
    if set(a.classes) != set(b.classes):
        name = sorted(set(a.classes) ^ set(b.classes))[0]
        knows = a.name if name in a.classes else b.name
        raise DataError(
            f"only models of the same classes can be compared, and of these only '{knows}' knows '{name}': "
            "train both on the same classes"
        )
    pairs = _pairs(a, b)
    if not pairs:
        raise DataError(_why_none(a, b))
    for i, j in pairs:
        if a.labels[i] != b.labels[j]:
            raise DataError(
                f"'{a.paths[i]}' is labelled '{a.labels[i]}' for '{a.name}' and '{b.labels[j]}' for '{b.name}': "
                "evaluate both with the same labels"
            )
    left, right = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    columns = [b.classes.index(c) for c in a.classes]
    paths = tuple(a.paths[i] for i in left)
    return Shared(
        a.classes,
        paths,
        np.array([a.classes.index(a.labels[i]) for i in left], dtype=np.int64),
        a.probabilities[left],
        b.probabilities[right][:, columns],
        _joined(paths, [a.groups[i] for i in left], [b.groups[j] for j in right]),
        len(a.paths) - len(pairs),
        len(b.paths) - len(pairs),
    )


def _pairs(a: Side, b: Side) -> list[tuple[int, int]]:
    place = {path: j for j, path in enumerate(b.paths)}
    by_hash = {h: j for j, h in enumerate(b.hashes) if h}
    often = Counter(a.hashes), Counter(b.hashes)
    found: dict[int, int] = {}
    for i, (path, digest) in enumerate(zip(a.paths, a.hashes, strict=True)):
        j = place.get(path)
        if j is not None and (not digest or not b.hashes[j] or digest == b.hashes[j]):
            found[i] = j
        elif digest in by_hash and often[0][digest] == often[1][digest] == 1:
            found[i] = by_hash[digest]
    return sorted(found.items())


def _why_none(a: Side, b: Side) -> str:
    for one, other in ((a, b), (b, a)):
        seen = sum(h in one.fitted_on for h in other.hashes)
        if seen:
            return (
                f"'{one.name}' was fitted on {seen} of the {plural(len(other.hashes), 'photograph')} that "
                f"'{other.name}' was judged on, and none is left that neither has seen: "
                "train both on one split (train --manifest), or both with --test-size 0"
            )
    return (
        f"'{a.name}' and '{b.name}' share no photograph that both judged: "
        "evaluate both on the same folder (evaluate --test-data-dir) and compare the two evaluations"
    )


def _joined(paths: tuple[str, ...], of_a: list[str], of_b: list[str]) -> NDArray[np.str_]:
    edges = edges_within(dict(zip(paths, of_b, strict=True)), "given")
    joined = connected_groups([ImageRecord(p) for p in paths], edges, dict(zip(paths, of_a, strict=True)))
    return np.array([joined[p] for p in paths], dtype=np.str_)
