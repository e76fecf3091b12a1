"""The most bytes that a cache folder may take, held by several processes without a word between them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from ai_models.core.logs import get_logger

__all__ = ["SizeLimit", "remove"]

_HIGH, _LOW = 0.9, 0.8  # of the limit: from where something is removed, and how much is then left
_WRITERS = 16  # that may write at once, each a share of the free room, before one of them looks again
_ABANDONED = 3600.0  # seconds after which a file that is still being written belongs to a process that was ended

log = get_logger(__name__)


class SizeLimit:
    """Removes the least recently used files of a folder before something is written that would not fit.

    Looking at the whole folder costs time, so a process does it again only after it wrote 1/16 of the room that was
    free when it last looked. Sixteen processes together then stay below the limit, whatever they see of each other.

    Parameters
    ----------
    max_bytes
        The limit.
    files
        Lists the files that count.
    """

    def __init__(self, max_bytes: int, files: Callable[[], Iterable[Path]]) -> None:
        self.max_bytes = max_bytes
        self._files = files
        self._lock = threading.Lock()
        self._allowed = 0.0

    def forget(self) -> None:
        """Look at the folder before anything is written again."""
        with self._lock:
            self._allowed = 0.0

    def admit(self, size: int) -> bool:
        """Make room for `size` bytes; False where the limit is too small for them."""
        if size > self.max_bytes * _LOW:
            return False
        with self._lock:
            if size > self._allowed:
                used = self._make_room(size)
                self._allowed = max(0.0, self.max_bytes - used) / _WRITERS
            self._allowed -= size
        return True

    def room(self) -> int:
        """Return how many bytes may be written for a while without anything being removed."""
        used = sum(_size(path) for path in self._files())
        return max(0, int(self.max_bytes * _HIGH) - used)

    def _make_room(self, size: int) -> int:
        """Return the bytes in use, `size` more ones among them."""
        found = []
        for path in self._files():
            try:
                stat = path.stat()
            except OSError:
                continue
            if path.suffix == ".part" and time.time() - stat.st_mtime > _ABANDONED:
                remove(path)
            else:
                found.append((stat.st_mtime_ns, stat.st_size, path))
        used = size + sum(bytes_ for _, bytes_, _ in found)
        if used > self.max_bytes * _HIGH:
            for _, bytes_, path in sorted(found):
                if used <= self.max_bytes * _LOW:
                    break
                remove(path)
                used -= bytes_
        return used


def remove(path: str | os.PathLike[str]) -> int:
    """Delete a file and return the bytes that were freed, 0 where it cannot be deleted or is gone."""
    size = _size(path)
    try:
        os.unlink(path)
    except OSError as error:
        log.debug("cannot remove '%s': %s", path, error)
        return 0
    return size


def _size(path: str | os.PathLike[str]) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
