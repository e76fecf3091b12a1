"""Edges of several kinds -> one graph -> groups of images of one object."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ai_models.core.records import ImageRecord

__all__ = ["DuplicateEdge", "EdgeKind", "connected_groups", "merged_user_groups"]

EdgeKind = Literal["bytes", "pixels", "near", "registered", "burst", "pattern", "given"]
"""Equal files, equal pixels, one picture changed, one laid over the other, one burst, alike names, said before."""


@dataclass(frozen=True, slots=True, order=True)
class DuplicateEdge:
    """Evidence that two images show one object.

    Attributes
    ----------
    a, b
        Manifest paths, a < b.
    kind
        What kind of evidence.
    transform
        What turns `a` into `b`: the name of a `Symmetry`.
    distance
        0 for equal, towards 1 the weaker the evidence.
    inliers
        Of a registered pair: local features that agree.
    false_discovery
        Of a registered pair: the probability, estimated from the folder, that it shows different objects.
    """

    a: str
    b: str
    kind: EdgeKind
    transform: str = "identity"
    distance: float = 0.0
    inliers: int = 0
    false_discovery: float = 0.0


def connected_groups(
    records: Sequence[ImageRecord], edges: Iterable[DuplicateEdge], user_groups: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Name the group of every row: rows joined by edges or by a user's group are one object.

    A group that holds a user's group bears its name (the first in sorted order where edges join several);
    any other is named by the smallest content hash in it, so that a name does not change with order or place.

    Parameters
    ----------
    records
        The rows. Augmented copies take their parent's group and join nothing.
    edges
        Evidence between paths; edges that touch a path not in `records` are passed over.
    user_groups
        Path -> group, for some of the rows. They join the graph and never split it.

    Returns
    -------
    dict
        Path -> name of its group, in the order of `records`.
    """
    photographs = {r.path: r for r in records if not r.source_id}
    parent = {path: path for path in photographs}

    def find(path: str) -> str:
        while parent[path] != path:
            parent[path] = parent[parent[path]]
            path = parent[path]
        return path

    def join(a: str, b: str) -> None:
        first, second = sorted((find(a), find(b)))
        parent[second] = first

    for edge in edges:
        if edge.a in parent and edge.b in parent:
            join(edge.a, edge.b)
    first_of: dict[str, str] = {}
    given = {path: group for path, group in (user_groups or {}).items() if group and path in parent}
    for path, group in given.items():
        join(first_of.setdefault(group, path), path)
    members: dict[str, list[str]] = defaultdict(list)
    for path in photographs:
        members[find(path)].append(path)
    names = _names(members, photographs, given)
    return {r.path: names[find(r.source_id if r.source_id in parent else r.path)] for r in records}


def merged_user_groups(groups: Mapping[str, str], user_groups: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Return the user's groups that evidence joined into one, each as a sorted tuple of two or more names."""
    together: dict[str, set[str]] = defaultdict(set)
    for path, group in user_groups.items():
        if group and path in groups:
            together[groups[path]].add(group)
    return sorted(tuple(sorted(names)) for names in together.values() if len(names) > 1)


def _names(
    members: Mapping[str, Sequence[str]], records: Mapping[str, ImageRecord], given: Mapping[str, str]
) -> dict[str, str]:
    names = {}
    taken = set(given.values())
    for root, paths in sorted(members.items(), key=lambda item: min(_content(records[p]) for p in item[1])):
        own = sorted({given[p] for p in paths if p in given})
        digest = min(_content(records[p]) for p in paths)
        name = own[0] if own else f"g-{digest[:10]}"
        if not own and name in taken:  # ten digits that two contents share, or a user's name of that form
            name = f"g-{digest}"
        taken.add(name)
        names[root] = name
    return names


def _content(record: ImageRecord) -> str:
    return record.sha256 or hashlib.sha256(record.path.encode("utf-8", "surrogateescape")).hexdigest()
