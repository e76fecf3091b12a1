"""Power loss, replayed: what a disk may hold after any operation of the cache, and what the cache then reads.

All that the cache does to its folder is recorded. A replay stops after some operation and keeps, of what was not
synced, nothing, everything, the first part, or any part: writes by sectors of 512 bytes, names (made, renamed, deleted)
one by one. Then the cache is opened again. A key has a value that was put for it, or none; none is allowed only where
`put` had not returned yet.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from watched_disk import watched

from ai_models.core.rng import generator
from ai_models.features import FeatureCache

__all__ = ["HOWS", "Recording", "Reopened", "record", "replay"]

BLOCKS = tuple(f"{name}-{'0' * 32}" for name in ("alpha", "beta"))
HOWS = ("nothing", "everything", "the first part", "any part")
_SECTOR = 512
_LIMIT = 10**8


@dataclass
class Recording:
    """What was done below a folder, in order; that a `put` returned is an operation of its own."""

    root: str
    operations: list[tuple[str, str, Any]] = field(default_factory=list)
    values: dict[tuple[str, str], list[NDArray[Any]]] = field(default_factory=lambda: defaultdict(list))


class Reopened(NamedTuple):
    """Rows that the cache gave, those of them that nobody put, and acknowledged ones that it did not give."""

    served: int
    wrong: int
    lost: int


def record(folder: Path, puts: int = 12) -> Recording:
    """Fill a cache: new rows, rows put twice with other values, two merges, and rows after them."""
    kept = Recording(os.path.abspath(folder))
    random = generator(0, "power loss")

    def put(cache: FeatureCache, block: str, numbers: range) -> None:
        keys = [f"{number:064x}" for number in numbers]
        rows = random.normal(size=(len(keys), 200)).astype(np.float32)
        for key, row in zip(keys, rows, strict=True):
            kept.values[block, key].append(row)
        if not cache.put(block, keys, rows):
            raise RuntimeError("the disk that is recorded failed")
        kept.operations.append(("acknowledged", block, keys))

    def around(name: str, path: str, detail: Any, perform: Callable[[], Any]) -> Any:
        done = perform()
        kept.operations.append((name, path, detail))
        return done

    with watched(folder, around):
        cache = FeatureCache(folder / "cache", _LIMIT)
        for i in range(puts):
            for block in BLOCKS:
                put(cache, block, range(3 * i, 3 * i + 3))
        put(cache, BLOCKS[0], range(1, 4))
        for block in BLOCKS:
            cache.merge(block, [f"{number:064x}" for number in range(3 * puts)])
            put(cache, block, range(3 * puts, 3 * puts + 3))
    return kept


def replay(recording: Recording, stop: int, how: str, seed: int, folder: Path) -> Reopened:
    """Lay out in a new folder what may be left after the first `stop` operations, and open it."""
    disk = _Disk(recording.root, folder)
    acknowledged: set[tuple[str, str]] = set()
    for name, path, detail in recording.operations[:stop]:
        if name == "acknowledged":
            acknowledged |= {(path, key) for key in detail}
        else:
            disk.do(name, path, detail)
    disk.lay_out(how, generator(seed, "power loss", how, stop))
    served = wrong = lost = 0
    cache = FeatureCache(folder / "cache", _LIMIT)
    for block in BLOCKS:
        keys = [key for of, key in recording.values if of == block]
        rows, present = cache.read(block, keys)
        for key, row, there in zip(keys, rows, present.tolist(), strict=True):
            served += there
            wrong += there and not any(np.array_equal(row, value) for value in recording.values[block, key])
            lost += not there and (block, key) in acknowledged
    return Reopened(served, wrong, lost)


@dataclass
class _File:
    writes: list[tuple[int, bytes]] = field(default_factory=list)
    flushed: int = 0  # of the writes: with the operating system
    synced: int = 0  # of the writes: on the disk
    length: int = 0


@dataclass
class _Folder:
    changes: list[tuple[str, str, Any]] = field(default_factory=list)  # made, deleted or renamed: name and what it is
    synced: int = 0


class _Disk:
    """What is synced and what is not, operation by operation."""

    def __init__(self, root: str, target: Path) -> None:
        self.root, self.target = root, target
        self.folders = {root: _Folder()}
        self.names: dict[str, _File] = {}

    def do(self, name: str, path: str, detail: Any) -> None:
        parent, base = os.path.split(path)
        if name == "mkdir" and path != self.root:
            self.folders[path] = _Folder()
            self.folders[parent].changes.append(("made", base, self.folders[path]))
        elif name == "create":
            self.names[path] = _File()
            self.folders[parent].changes.append(("made", base, self.names[path]))
        elif name == "write":
            file = self.names[path]
            file.writes.append((file.length, detail))
            file.length += len(detail)
        elif name == "flush":
            self.names[path].flushed = len(self.names[path].writes)
        elif name == "fsync" and path in self.folders:
            self.folders[path].synced = len(self.folders[path].changes)
        elif name == "fsync":
            self.names[path].synced = self.names[path].flushed
        elif name == "replace":
            file = self.names[detail] = self.names.pop(path)
            self.folders[parent].changes.append(("renamed", base, (os.path.basename(detail), file)))
        elif name == "unlink" and path in self.names:
            del self.names[path]
            self.folders[parent].changes.append(("deleted", base, None))

    def lay_out(self, how: str, random: np.random.Generator) -> None:
        """Write what may be left of everything below the root into the target folder."""
        self._folder(self.folders[self.root], self.target, how, random)

    def _folder(self, folder: _Folder, target: Path, how: str, random: np.random.Generator) -> None:
        target.mkdir(exist_ok=True)
        entries: dict[str, _File | _Folder] = {}
        pending = len(folder.changes) - folder.synced
        for change, kept in zip(folder.changes, [True] * folder.synced + _chosen(pending, how, random), strict=True):
            kind, name, what = change
            if not kept:
                continue
            if kind == "made":
                entries[name] = what
            else:
                entries.pop(name, None)
            if kind == "renamed":
                entries[what[0]] = what[1]
        for name, what in entries.items():
            if isinstance(what, _Folder):
                self._folder(what, target / name, how, random)
            else:
                (target / name).write_bytes(_content(what, how, random))


def _content(file: _File, how: str, random: np.random.Generator) -> bytes:
    """Return what may be left of a file: sectors that were not written read as zeros, where it is long enough."""
    data = bytearray()
    sectors = [
        (start + at, piece[at : at + _SECTOR], number < file.synced)
        for number, (start, piece) in enumerate(file.writes)
        for at in range(0, len(piece), _SECTOR)
    ]
    pending = iter(_chosen(sum(not synced for *_, synced in sectors), how, random))
    for start, piece, synced in sectors:
        if synced or next(pending):
            data.extend(bytes(max(0, start + len(piece) - len(data))))
            data[start : start + len(piece)] = piece
    if how == "any part" and random.random() < 0.5:  # the length is on the disk before the content
        data.extend(bytes(max(0, file.length - len(data))))
    return bytes(data)


def _chosen(count: int, how: str, random: np.random.Generator) -> list[bool]:
    if how == "the first part":
        first = int(random.integers(0, count + 1))
        return [True] * first + [False] * (count - first)
    if how == "any part":
        return [bool(kept) for kept in random.random(count) < random.random()]
    return [how == "everything"] * count
