"""New images that link objects an earlier split placed apart: they are left out, what was placed stays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ai_models.core.logs import get_logger
from ai_models.core.paths import to_text
from ai_models.core.records import ImageRecord, Split
from ai_models.duplicates.graph import DuplicateEdge, connected_groups

__all__ = ["Place", "extended_groups", "place_of", "without_bridges"]

_SIDES = (Split.TRAIN, Split.VAL, Split.TEST)
_SHOWN = 10
_log = get_logger(__name__)

Place = tuple[str, int]
"""Side and fold; the fold is -1 outside training."""


def place_of(row: ImageRecord) -> Place | None:
    """Return where an earlier split put a row; None for a row without a group or a side."""
    return (str(row.split), row.fold) if row.group and row.split in _SIDES else None


def extended_groups(
    records: Sequence[ImageRecord],
    edges: Iterable[DuplicateEdge],
    given: Mapping[str, str],
    places: Mapping[str, Place],
) -> tuple[dict[str, str], dict[str, tuple[Place, ...]]]:
    """Group rows around those that are placed, without the new ones that would join two places.

    New rows enter the graph one by one in the order of their paths. One whose evidence reaches objects on different
    sides, or in different folds, does not enter: it becomes an object of its own, so that the placed ones stay apart.
    New rows that are known by such a one alone do not enter either.

    Parameters
    ----------
    records, edges, given
        See `connected_groups`.
    places
        Path -> place, of the rows that an earlier split placed.

    Returns
    -------
    groups : dict
        Path -> group, as from `connected_groups`.
    bridges : dict
        Path of each row that was left out -> the places that it would have joined.
    """
    edges = list(edges)
    bridges = _bridges([r for r in records if not r.source_id], edges, given, places) if places else {}
    kept = [e for e in edges if e.a not in bridges and e.b not in bridges]
    groups = connected_groups(records, kept, {p: g for p, g in given.items() if p not in bridges})
    for path, joined in list(bridges.items())[:_SHOWN]:
        _log.warning(
            "'%s' is excluded: it shows objects that are placed apart already (%s), and those stay where they are",
            to_text(path), ", ".join(side if fold < 0 else f"{side} fold {fold}" for side, fold in joined),
        )  # fmt: skip
    if len(bridges) > _SHOWN:
        _log.warning("%d more images are excluded for the same reason", len(bridges) - _SHOWN)
    return groups, bridges


def without_bridges(row: ImageRecord, bridges: Mapping[str, object]) -> ImageRecord:
    """Return the row, ``excluded`` where it or its parent is a bridge."""
    return replace(row, split=Split.EXCLUDED, fold=-1) if (row.source_id or row.path) in bridges else row


def _bridges(
    rows: Sequence[ImageRecord],
    edges: Sequence[DuplicateEdge],
    given: Mapping[str, str],
    places: Mapping[str, Place],
) -> dict[str, tuple[Place, ...]]:
    links: dict[str, set[str]] = defaultdict(set)
    for edge in edges:
        links[edge.a].add(edge.b)
        links[edge.b].add(edge.a)
    parent: dict[str, str] = {}
    on: dict[str, set[Place]] = {}

    def find(node: str) -> str:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    bridges: dict[str, tuple[Place, ...]] = {}
    for path in sorted((r.path for r in rows), key=lambda p: (p not in places, p)):
        name = f"\x00{given[path]}" if given.get(path) else ""  # a user's group is a node of its own
        if name and name not in parent:
            parent[name], on[name] = name, set()
        reached = {find(other) for other in [*links[path], *([name] if name else [])] if other in parent}
        standing = [on[root] for root in reached if on[root]]
        if path not in places and len(standing) > 1 and len(set().union(*standing)) > 1:
            bridges[path] = tuple(sorted(set().union(*standing)))
            continue
        parent[path], on[path] = path, {places[path]} if path in places else set()
        for root in reached:
            parent[root] = path
            on[path] |= on.pop(root)
    waiting = list(bridges)
    while waiting:  # what is known by a bridge alone may show either object: it must not be placed as a third
        path = waiting.pop()
        for root in {find(other) for other in links[path] if other in parent and other not in bridges}:
            if not on[root]:
                alone = [p for p in parent if p not in bridges and not p.startswith("\x00") and find(p) == root]
                bridges |= dict.fromkeys(alone, bridges[path])
                waiting += alone
    return bridges
