"""Kinds of photographs inside the classes that go wrong more often: by the user's columns and words of file names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ai_models.core.records import ImageRecord
from ai_models.metrics.subgroups import Stratum, excess_p, tarone

__all__ = ["SubKind", "find_sub_kinds", "name_words"]

LEVEL = 0.05
_FEWEST = 3  # objects of a kind, and objects not of it, in a class
_MOST_VALUES = 20  # a column with more distinct values names photographs, not kinds
_MOST_WORDS = 200
_SEPARATORS = re.compile(r"[\s_\-.,;+()\[\]{}'\"&=#@!~]+|\d+")


@dataclass(frozen=True)
class SubKind:
    """A kind in which errors gather.

    Attributes
    ----------
    column
        The user's column, empty for a word of the file's path.
    value
        Its value there, or the word.
    label
        The class in which it was looked at; empty where all classes were looked at together.
    counts
        Class -> its `Stratum`.
    p, corrected
        Exact one-sided p-value, and corrected for all kinds that were looked at.
    """

    column: str
    value: str
    label: str
    counts: dict[str, Stratum]
    p: float
    corrected: float

    @property
    def name(self) -> str:
        """How it is called: ``side = back``, or the word."""
        return f"{self.column} = {self.value}" if self.column else self.value

    def in_class(self, label: str) -> Stratum | None:
        """Return the counts of a class in which the kind goes wrong more often than the rest."""
        found = self.counts.get(label)
        if found is None or not found.wrong_of_kind:
            return None
        rest = found.objects - found.of_kind
        worse = found.wrong_of_kind * rest > (found.wrong - found.wrong_of_kind) * found.of_kind
        return found if worse else None


def find_sub_kinds(
    records: Sequence[ImageRecord], groups: NDArray[np.str_], wrong: NDArray[np.bool_]
) -> tuple[tuple[SubKind, ...], int]:
    """Return the kinds in which errors gather, the surest first, and how many were looked at.

    Several photographs of one kind that show one object count once, wrong where at least half of them are.

    Parameters
    ----------
    records
        The n photographs with label, path and the user's columns.
    groups
        (n,), the object that each shows.
    wrong
        bool (n,).

    Notes
    -----
    Each kind is looked at in every class that has at least 3 objects of it and 3 others, and over these together
    (`ai_models.metrics.subgroups`). Words of class names, numbers, and kinds that hold the same photographs as an
    earlier one are passed over.
    """
    labels = np.array([r.label for r in records], dtype=object)
    looked: list[tuple[str, str, str, dict[str, Stratum], float, float]] = []
    for (column, value), held in _kinds(records).items():
        counts = {}
        for label in sorted(set(labels.tolist())):
            here = labels == label
            stratum = _stratum(groups[here], held[here], wrong[here])
            if min(stratum.of_kind, stratum.objects - stratum.of_kind) >= _FEWEST:
                counts[label] = stratum
        scopes = {label: [stratum] for label, stratum in counts.items()}
        if sum(0 < stratum.wrong < stratum.objects for stratum in counts.values()) > 1:
            scopes[""] = list(counts.values())
        looked += [(column, value, scope, counts, *excess_p(strata)) for scope, strata in scopes.items()]
    if not looked:
        return (), 0
    corrected = tarone([entry[4] for entry in looked], [entry[5] for entry in looked], LEVEL)
    found = [
        SubKind(column, value, label, counts if not label else {label: counts[label]}, p, float(c))
        for (column, value, label, counts, p, _), c in zip(looked, corrected, strict=True)
        if c <= LEVEL
    ]
    return tuple(sorted(found, key=lambda kind: (kind.corrected, kind.label, kind.name))), len(looked)


def name_words(path: str, label: str) -> set[str]:
    """Return the words of a path below its class folder, in lower case, without numbers and words of the class."""
    parts = PurePosixPath(path).with_suffix("").parts
    below = parts[parts.index(label) + 1 :] if label in parts[:-1] else parts[-1:]
    words = {word.casefold() for part in below for word in _SEPARATORS.split(part) if word}
    return words - {word.casefold() for word in _SEPARATORS.split(label)}


def _kinds(records: Sequence[ImageRecord]) -> dict[tuple[str, str], NDArray[np.bool_]]:
    """Return (column, value) -> which photographs are of it, bool (n,); columns first."""
    found: dict[tuple[str, str], NDArray[np.bool_]] = {}
    for column in sorted({name for r in records for name in r.extra}):
        cells = np.array([r.extra.get(column, "").strip() for r in records], dtype=object)
        values = sorted(set(cells.tolist()) - {""})
        if len(values) <= _MOST_VALUES:
            found |= {(column, value): np.asarray(cells == value, dtype=np.bool_) for value in values}
    classes = {r.label.casefold() for r in records}
    words = [name_words(r.path, r.label) - classes for r in records]
    counts = Counter(word for own in words for word in own)
    often = sorted((w for w, n in counts.items() if _FEWEST <= n < len(records)), key=lambda w: (-counts[w], w))
    found |= {("", word): np.array([word in own for own in words]) for word in often[:_MOST_WORDS]}
    once: dict[bytes, tuple[str, str]] = {}
    for kind, held in found.items():
        once.setdefault(held.tobytes(), kind)
    return {kind: found[kind] for kind in once.values()}


def _stratum(groups: NDArray[np.str_], held: NDArray[np.bool_], wrong: NDArray[np.bool_]) -> Stratum:
    """Count (object, of the kind or not) pairs of one class."""
    shares: dict[tuple[str, bool], list[bool]] = {}
    for group, kind, missed in zip(groups.tolist(), held.tolist(), wrong.tolist(), strict=True):
        shares.setdefault((group, kind), []).append(missed)
    missed_of = {unit: 2 * sum(own) >= len(own) for unit, own in shares.items()}
    of_kind = [missed for (_, kind), missed in missed_of.items() if kind]
    return Stratum(len(missed_of), sum(missed_of.values()), len(of_kind), sum(of_kind))
