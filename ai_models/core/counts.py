"""How a count of photographs is told: always with the number of objects that they show, which is what counts as n."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["objects_among", "photographs_of", "plural"]


def plural(n: int, noun: str, several: str = "") -> str:
    """Return the number with its noun: ``"1 object"``, ``"3 objects"``; `several` where an s does not do."""
    return f"{n} {noun if n == 1 else several or noun + 's'}"


def photographs_of(images: int, groups: int, noun: str = "photograph", several: str = "") -> str:
    """Return both counts: ``"77 photographs of 46 objects"``.

    Parameters
    ----------
    images
        Number of files.
    groups
        Number of groups (objects) among them, at most `images`.
    noun, several
        What a file is called there, such as ``"held-out image"``, and what several are, where an s does not do.
    """
    return f"{plural(images, noun, several)} of {plural(groups, 'object')}"


def objects_among(paths: Iterable[str], group_of: Mapping[str, str]) -> int:
    """Return how many objects files show; a file without a group is an object of its own.

    Parameters
    ----------
    paths
        Each file once.
    group_of
        Path -> group, an empty one meaning none.
    """
    return len({("group", group_of[p]) if group_of.get(p) else ("file", p) for p in paths})
