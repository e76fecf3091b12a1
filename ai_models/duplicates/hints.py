"""What file names and cameras tell of objects: a pattern in the names, photographs shot in one burst."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import pairwise

from ai_models.core.errors import ConfigError, DataError
from ai_models.core.paths import to_text
from ai_models.duplicates.graph import DuplicateEdge, EdgeKind

__all__ = ["MOST_OF_A_BURST", "burst_edges", "edges_within", "pattern_groups"]

MOST_OF_A_BURST = 12
"""Photographs of one camera that a run of shots may hold; a longer one is a clock that stands still, or a film."""


def pattern_groups(paths: Iterable[str], pattern: str) -> dict[str, str]:
    r"""Return path -> group for the paths in which a pattern is found.

    The group is what the pattern's groups catch, joined by ``/``, or the whole match where it has none:
    ``amulet(\d+)_(?:front|back)`` names ``phra/amulet12_front.jpg`` and ``phra/amulet12_back.jpg`` both ``12``.

    Parameters
    ----------
    paths
        Manifest paths, with their folders.
    pattern
        A regular expression of Python, searched for anywhere in the path.

    Raises
    ------
    ConfigError
        When the pattern is no regular expression.
    DataError
        When no path matches.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError([f"group_pattern must be a regular expression, got '{pattern}' ({error})"]) from error
    groups: dict[str, str] = {}
    first = ""
    for path in paths:
        text = to_text(path)
        first = first or text
        match = compiled.search(text)
        if match is None:
            continue
        caught = [part for part in match.groups() if part is not None] if compiled.groups else [match.group()]
        if any(caught):
            groups[path] = "/".join(caught)
    if not groups:
        raise DataError(f"--group-pattern '{pattern}' is found in no path (the first is '{first}'): try it on that one")
    return groups


def edges_within(groups: Mapping[str, str], kind: EdgeKind) -> list[DuplicateEdge]:
    """Return edges that join the paths of each group: from the first to every other."""
    first: dict[str, str] = {}
    edges = []
    for path, group in sorted(groups.items()):
        if first.setdefault(group, path) != path:
            edges.append(DuplicateEdge(first[group], path, kind))
    return edges


def burst_edges(taken: Mapping[str, tuple[str, str, str]], seconds: float) -> list[DuplicateEdge]:
    """Return edges between photographs that one camera took right after one another.

    Parameters
    ----------
    taken
        Path -> (camera, ISO time, label); photographs of different labels are not joined.
    seconds
        Longest pause within a burst; 0 for no bursts.
    """
    if seconds <= 0:
        return []
    shots: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
    for path, (camera, when, label) in taken.items():
        if camera and when:  # times with and without a zone cannot be compared: the clock's own reading is
            shots[camera, label].append((datetime.fromisoformat(when).replace(tzinfo=None), path))
    edges = []
    for series in shots.values():
        run: list[tuple[datetime, str]] = []
        for shot in [*sorted(series), None]:
            if run and (shot is None or (shot[0] - run[-1][0]).total_seconds() > seconds):
                if 1 < len(run) <= MOST_OF_A_BURST:
                    names = [path for _, path in run]
                    edges += [DuplicateEdge(min(a, b), max(a, b), "burst") for a, b in pairwise(names)]
                run = []
            if shot is not None:
                run.append(shot)
    return sorted(edges)
