"""How often a caller may ask: counts in a small file that all processes of a service share.

Each caller has a slot of a mapped file with a count for each second. A request of cost c at second s is let in where
the counts of the seconds s - 60 to s and c together are at most the limit. Any 60 seconds touch at most 61 seconds of
the clock, so no 60 seconds, wherever they begin, hold more than the limit: it is exact, not on average, and a caller
who used it up at once waits at most 61 seconds.

A slot is changed under a lock of the file that ends with its process, and holds counts alone: a process that is killed
at any point leaves at worst one request counted or not counted. The clock is the machine's own since it was started;
after a new start the counts are of seconds to come, which are forgotten.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import ConfigError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["WINDOW", "Allowance", "RateTable", "RatesBusyError", "state_directory"]

WINDOW = 60
"""Seconds in which a limit counts."""
_SECONDS = WINDOW + 1
_Counts = NDArray[np.uint32]
_SLOT = np.dtype([("tag", "S16"), ("latest", "<i8"), ("counts", "<u4", (_SECONDS,))])
_MAGIC = b"amulet-ai rates 1"
_HEAD = 64
_PROBES = 16
_TRIES, _PAUSE = 500, 0.0005  # a holder of the lock is gone within microseconds, unless it is not let run


class RatesBusyError(Exception):
    """The file stayed locked by a process that does not go on, or every place in it is taken."""


@dataclass(frozen=True)
class Allowance:
    """What came of a request.

    Attributes
    ----------
    granted
        Whether it is let in; then it has been counted.
    limit
        Most images a minute.
    remaining
        What could still be let in now.
    seconds
        Until that becomes more: until a refused request would be let in, as far as can be known.
    """

    granted: bool
    limit: int
    remaining: int
    seconds: int


class RateTable:
    """Counts of callers in a file.

    Parameters
    ----------
    path
        The file; made where there is none.
    slots
        How many callers of one minute it can tell apart.
    """

    def __init__(self, path: Path, slots: int = 4096) -> None:
        size = _HEAD + slots * _SLOT.itemsize
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        with _locked(self._file):
            os.lseek(self._file, 0, os.SEEK_SET)
            if os.fstat(self._file).st_size != size or os.read(self._file, len(_MAGIC)) != _MAGIC:
                self._begin(size)
        self._map = mmap.mmap(self._file, size)
        self._slots = np.frombuffer(self._map, dtype=_SLOT, offset=_HEAD)

    def _begin(self, size: int) -> None:
        """Make the file anew; it never becomes shorter, for another process may have mapped it."""
        os.ftruncate(self._file, size)
        os.lseek(self._file, 0, os.SEEK_SET)
        os.write(self._file, _MAGIC.ljust(_HEAD, b"\x00") + bytes(size - _HEAD))

    def ask(self, caller: str, limit: int, cost: int = 1, *, now: int | None = None) -> Allowance:
        """Let a request in and count it, or not.

        Parameters
        ----------
        caller
            Who asks.
        limit
            Most images in `WINDOW` seconds, >= 1.
        cost
            Images of this request, >= 0.
        now
            Second of the clock; the machine's own when None.

        Raises
        ------
        RatesBusyError
            When it cannot be said.
        """
        tag = hashlib.sha256(caller.encode("utf-8", "surrogatepass")).digest()[:15] + b"\x01"  # S16 drops a last zero
        with _locked(self._file):
            second = int(time.monotonic()) if now is None else now
            slot = self._find(tag, second)
            counts = self._moved(slot, second)
            used = int(counts.sum())
            granted = used + cost <= limit
            if granted:
                counts[second % _SECONDS] += cost
                used += cost
            over = 0 if granted else used + cost - limit
            return Allowance(granted, limit, max(0, limit - used), _wait(counts, second, over))

    def _find(self, tag: bytes, second: int) -> int:
        """Return the caller's slot, or one that nobody has used for a window; those in use are never taken away."""
        first = int.from_bytes(tag[:8], "little")
        free = -1
        for step in range(_PROBES):
            place = (first + step) % len(self._slots)
            used_by = self._slots["tag"][place]
            if used_by == tag:
                return place
            if free < 0 and not (used_by and 0 <= second - int(self._slots["latest"][place]) < _SECONDS):
                free = place
        if free < 0:
            raise RatesBusyError("more callers in one minute than can be told apart")
        self._slots[free] = (tag, second, 0)
        return free

    def _moved(self, place: int, second: int) -> _Counts:
        """Return the counts of a slot, what lies before the window set to zero."""
        counts: _Counts = self._slots["counts"][place]
        gone = second - int(self._slots["latest"][place])
        if gone:
            forgotten = (second - np.arange(gone)) % _SECONDS if 0 < gone < _SECONDS else slice(None)
            counts[forgotten] = 0
            self._slots["latest"][place] = second
        return counts


def _wait(counts: _Counts, second: int, over: int) -> int:
    """Return the seconds until `over` of the counts, and at least one, are forgotten; 0 where there are none."""
    age = (second - np.arange(_SECONDS)) % _SECONDS
    oldest_first = np.argsort(-age)
    gone = np.cumsum(counts[oldest_first])
    if not gone[-1]:
        return 0
    place = int(np.searchsorted(gone, min(max(over, 1), int(gone[-1]))))
    return int(_SECONDS - age[oldest_first][place])


def state_directory(given: str) -> Path:
    """Return the folder for what the processes of a service share, made where there is none.

    Parameters
    ----------
    given
        The folder; empty for one of this user's own in the system's folder for temporary files.

    Raises
    ------
    ConfigError
        When it cannot be made, or another user could write to it.
    """
    owner = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(given or Path(tempfile.gettempdir()) / f"amulet-ai-{owner}")
    try:
        folder.mkdir(mode=0o700, parents=bool(given), exist_ok=True)
        found = folder.lstat() if not given else folder.stat()
        if not stat.S_ISDIR(found.st_mode) or not os.access(folder, os.W_OK):
            raise PermissionError(0, "it is no folder that can be written to")
    except OSError as error:
        raise ConfigError(
            [f"state_dir '{folder}' cannot be used ({error.strerror or error}): name another in AMULET_AI_STATE_DIR"]
        ) from error
    if not given and hasattr(os, "getuid") and (found.st_uid != owner or found.st_mode & 0o077):
        raise ConfigError([f"'{folder}' is open to other users: remove it, or name a folder in AMULET_AI_STATE_DIR"])
    return folder


@contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    """Hold the file's lock, waited for a moment only: whoever asks is the event loop."""
    for _ in range(_TRIES):
        try:
            _lock(descriptor)
            break
        except (BlockingIOError, PermissionError):
            time.sleep(_PAUSE)
    else:
        raise RatesBusyError("the counts are held by a process that does not go on")
    try:
        yield
    finally:
        _unlock(descriptor)


if sys.platform == "win32":

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
else:

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
