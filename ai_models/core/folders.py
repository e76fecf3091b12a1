"""Walking a folder of images that may hold anything: loops, pipes, strange names, links that lead out."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ai_models.core.formats import EXTENSIONS

__all__ = ["NOT_PHOTOGRAPHS", "leads_out", "other_files", "walk_images"]

NOT_PHOTOGRAPHS = ".amulet-ai-not-photographs"
"""A folder that holds a file of this name is passed over: its pictures are charts and sheets of this package."""


def walk_images(root: str | os.PathLike[str]) -> Iterator[str]:
    """Yield the POSIX paths, relative to `root`, of everything named like an image, in sorted order of bytes.

    Hidden names are passed over, and folders with a file `NOT_PHOTOGRAPHS`. Links to folders are never followed: where
    they lead inside the root the folder is walked in its own right, and nothing is fetched from elsewhere unasked;
    `other_files` names them. Links to files are yielded, as data sets made of links are common; `leads_out` tells
    whether one points elsewhere. Folders named ``a.jpg`` are folders. Pipes, sockets and devices with an image's name
    are yielded, so that a report can name them: `ai_models.core.images.probe` never blocks on them.
    """
    return (path for path, is_image in _entries(root) if is_image)


def other_files(root: str | os.PathLike[str]) -> list[str]:
    """Return what `walk_images` passes over, hidden names apart.

    Files of other kinds, links to folders, and folders that cannot be listed; POSIX paths relative to `root`, in
    sorted order of bytes.
    """
    return [path for path, is_image in _entries(root) if not is_image]


def leads_out(root: str | os.PathLike[str], path: str) -> bool:
    """Return whether a path below the root is, or goes through, a link to something outside of it."""
    real, inside = os.path.realpath(os.path.join(root, path)), os.path.realpath(root)
    return os.path.commonpath([real, inside]) != inside


def _entries(root: str | os.PathLike[str]) -> Iterator[tuple[str, bool]]:
    """Yield (path, whether it is named like an image), without recursion: folders may be nested without end."""
    waiting = [(os.fspath(root), "", True)]
    while waiting:
        location, path, is_folder = waiting.pop()
        if not is_folder:
            yield path, os.path.splitext(path)[1].lower() in EXTENSIONS and not os.path.isdir(location)
            continue
        try:
            with os.scandir(location) as found:
                entries = sorted(found, key=lambda e: os.fsencode(e.name), reverse=True)
        except OSError:
            if path:
                yield path, False
            continue
        if any(entry.name == NOT_PHOTOGRAPHS for entry in entries):
            continue
        prefix = f"{path}/" if path else ""
        waiting += [
            (entry.path, prefix + entry.name, entry.is_dir(follow_symlinks=False))
            for entry in entries
            if not entry.name.startswith(".")
        ]
