"""Sees that a model directory has another content, by its files' names, sizes and times."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["Watched"]

_Signature = tuple[tuple[str, int, int, int], ...]


class Watched:
    """One model directory, or a link to one.

    A copy that is still being written changes from look to look, so a change counts once two looks agree.

    Parameters
    ----------
    directory
        Its content now is what is known.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._known = self._before = self._signature()

    def changed(self) -> bool:
        """Look once; whether the content is another than that which was known, and stands still. It is known then."""
        now = self._signature()
        still, self._before = now == self._before, now
        if not still or now == self._known or not now:
            return False
        self._known = now
        return True

    def _signature(self) -> _Signature:
        """Return what the files look like from outside; nothing where there is no directory."""
        found = []
        try:
            with os.scandir(self.directory) as entries:
                for entry in entries:
                    seen = entry.stat()
                    found.append((entry.name, seen.st_size, seen.st_mtime_ns, seen.st_ino))
        except OSError:  # it is being exchanged: the next look sees the other
            return ()
        return tuple(sorted(found))
