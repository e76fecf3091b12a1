"""Features on disk: immutable shards under a content key, safe to share, never trusted unverified.

Layout: ``<directory>/<block key>/<name>.shard``; a shard holds the rows of some images of one block. It is written
under a temporary name, synced and renamed, and never changed: a reader sees all of it or nothing, and several
processes need no lock. Two processes that compute the same image write it twice, which does no harm.

Format 1 of a shard, integers little-endian::

    8 bytes   "AMULETFS"
    u32       format
    u32       length h of the header
    32 bytes  SHA-256 of the header
    h bytes   header: JSON with block, dtype, shape (of one row), keys (of the rows), sha256 (of the payload)
    ...       payload: the rows in C order

A shard that is damaged, or of another format, is renamed to ``.bad`` and its features are computed again. A folder
that cannot be written or a full disk costs one warning and the speed, not the result. Nothing here is pickled.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import struct
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.config import canonical_json
from ai_models.core.errors import OutputError
from ai_models.core.logs import get_logger
from ai_models.core.paths import atomic_write

__all__ = ["FORMAT", "CacheInfo", "FeatureCache"]

FORMAT = 1
_MAGIC = b"AMULETFS"
_PRELUDE = struct.Struct("<8sII32s")
_SUFFIX, _BAD = ".shard", ".bad"
_BLOCK_NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}-[0-9a-f]{32}")
_SHARD_NAME = re.compile(r"[0-9a-f]{32}\.(shard|bad)")
_DTYPES = frozenset({"uint8", "int8", "uint16", "int16", "int32", "int64", "float16", "float32", "float64"})

log = get_logger(__name__)


class _DamagedError(Exception):
    """What is wrong with a shard, in a clause."""


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What a cache holds: bytes on disk, shards, rows (image features) and how many are set aside as damaged."""

    directory: str
    bytes: int
    max_bytes: int
    shards: int
    rows: int
    rows_by_block: dict[str, int]
    damaged: int


@dataclass(slots=True)
class _Shard:
    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    keys: list[str]
    sha256: str
    start: int
    verified: bool = False

    @property
    def row_bytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)

    @property
    def payload_bytes(self) -> int:
        return self.row_bytes * len(self.keys)


class FeatureCache:
    """Rows of features by block key and image key.

    Parameters
    ----------
    directory
        Where shards lie; made when something is put.
    max_bytes
        Size from which the least recently used shards are removed.
    """

    def __init__(self, directory: str | os.PathLike[str], max_bytes: int) -> None:
        self.directory = Path(directory)
        self.max_bytes = max_bytes
        self.hits = 0
        self.misses = 0
        self._lock = threading.Lock()
        self._where: dict[str, dict[str, tuple[_Shard, int]]] = {}
        self._seen: dict[str, set[str]] = {}
        self._changed: dict[str, int] = {}
        self._size: int | None = None
        self._warned = False

    def get(self, block_key: str, image_keys: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Return the rows that are there, by image key; arrays of the caller's own."""
        found: dict[str, NDArray[Any]] = {}
        with self._lock:
            known = self._index(block_key, image_keys)
            by_shard: dict[int, tuple[_Shard, list[tuple[str, int]]]] = {}
            for key in dict.fromkeys(image_keys):
                if key in known:
                    shard, row = known[key]
                    by_shard.setdefault(id(shard), (shard, []))[1].append((key, row))
        for shard, wanted in by_shard.values():
            try:
                rows = _read_rows(shard, [row for _, row in wanted])
            except FileNotFoundError:
                self._forget(block_key, shard)  # evicted or cleared by somebody else
            except OSError as error:
                self._warn(f"cannot read '{shard.path}' ({error.strerror or error})")
            except _DamagedError as fault:
                self._set_aside(block_key, shard, str(fault))
            else:
                found.update((key, row) for (key, _), row in zip(wanted, rows, strict=True))
        with self._lock:
            self.hits += len(found)
            self.misses += len(dict.fromkeys(image_keys)) - len(found)
        return found

    def put(self, block_key: str, image_keys: Sequence[str], rows: NDArray[Any]) -> None:
        """Keep one row for each image key; a place that cannot be written costs a warning, once."""
        if not len(rows):
            return
        if rows.dtype.name not in _DTYPES:
            raise TypeError(f"rows must be of a plain number type, got {rows.dtype}")
        payload = np.ascontiguousarray(rows, dtype=rows.dtype.newbyteorder("<")).tobytes()
        header = canonical_json(
            {
                "block": block_key,
                "dtype": rows.dtype.name,
                "shape": list(rows.shape[1:]),
                "keys": list(image_keys),
                "sha256": hashlib.sha256(payload).hexdigest(),
            }
        )
        digest = hashlib.sha256(header)
        path = self.directory / block_key / f"{digest.hexdigest()[:32]}{_SUFFIX}"
        try:
            with atomic_write(path) as stream:
                stream.write(_PRELUDE.pack(_MAGIC, FORMAT, len(header), digest.digest()))
                stream.write(header)
                stream.write(payload)
        except OutputError as error:
            self._warn(str(error))
            return
        self._make_room(_PRELUDE.size + len(header) + len(payload))

    def info(self) -> CacheInfo:
        """Count what is there. Unreadable headers count as damaged."""
        size = shards = damaged = 0
        rows: dict[str, int] = {}
        for path in self._files():
            try:
                size += path.stat().st_size
                if path.suffix == _BAD:
                    damaged += 1
                    continue
                shard = _read_header(path)
            except FileNotFoundError:
                continue
            except (OSError, _DamagedError):
                damaged += 1
                continue
            shards += 1
            name = path.parent.name.rpartition("-")[0]
            rows[name] = rows.get(name, 0) + len(shard.keys)
        return CacheInfo(
            str(self.directory), size, self.max_bytes, shards, sum(rows.values()), dict(sorted(rows.items())), damaged
        )

    def clear(self) -> int:
        """Remove what this cache wrote, and nothing else; return the bytes that were freed."""
        freed = 0
        for path in list(self._files()):
            freed += _remove(path)
        for folder in list(self._folders()):
            try:
                folder.rmdir()
            except OSError:
                continue  # something of somebody else's is in it
        with self._lock:
            for memory in (self._where, self._seen, self._changed):
                memory.clear()
            self._size = None
        return freed

    def verify(self) -> list[str]:
        """Read everything and compare checksums; return one clause for each fault and set damaged shards aside."""
        problems = []
        for path in list(self._files()):
            if path.suffix == _BAD:
                problems.append(f"'{path}' was set aside as damaged")
                continue
            try:
                shard = _read_header(path)
                _read_rows(shard, [])
            except FileNotFoundError:
                continue
            except OSError as error:
                problems.append(f"'{path}' cannot be read ({error.strerror or error})")
            except _DamagedError as fault:
                problems.append(f"'{path}' is damaged ({fault})")
                _rename_bad(path)
        return problems

    def _folders(self) -> Iterator[Path]:
        try:
            entries = sorted(os.scandir(self.directory), key=lambda e: e.name)
        except OSError:
            return
        for entry in entries:
            if _BLOCK_NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                yield Path(entry.path)

    def _files(self) -> Iterator[Path]:
        for folder in self._folders():
            try:
                entries = sorted(os.scandir(folder), key=lambda e: e.name)
            except OSError:
                continue
            for entry in entries:
                ours = _SHARD_NAME.fullmatch(entry.name) or (entry.name[0] == "." and entry.name.endswith(".part"))
                if ours and entry.is_file(follow_symlinks=False):
                    yield Path(entry.path)

    def _index(self, block_key: str, wanted: Sequence[str]) -> dict[str, tuple[_Shard, int]]:
        """Return where each row of a block is; the folder is looked at again only when something is missing."""
        known = self._where.setdefault(block_key, {})
        if all(key in known for key in wanted):
            return known
        folder = self.directory / block_key
        try:
            changed = folder.stat().st_mtime_ns
            if self._changed.get(block_key) == changed:
                return known
            names = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(_SUFFIX))
        except OSError:
            return known
        self._changed[block_key] = changed
        seen = self._seen.setdefault(block_key, set())
        for name in names:
            if name in seen or not _SHARD_NAME.fullmatch(name):
                continue
            seen.add(name)
            path = folder / name
            try:
                shard = _read_header(path)
            except OSError:
                continue
            except _DamagedError as fault:
                log.warning("feature cache: '%s' is damaged (%s): set aside, computed again", path, fault)
                _rename_bad(path)
                continue
            for row, key in enumerate(shard.keys):
                known.setdefault(key, (shard, row))
        return known

    def _forget(self, block_key: str, shard: _Shard) -> None:
        with self._lock:
            known = self._where.get(block_key, {})
            for key in shard.keys:
                if key in known and known[key][0] is shard:
                    del known[key]
            self._seen.get(block_key, set()).discard(shard.path.name)
            self._changed.pop(block_key, None)

    def _set_aside(self, block_key: str, shard: _Shard, fault: str) -> None:
        log.warning("feature cache: '%s' is damaged (%s): set aside, computed again", shard.path, fault)
        _rename_bad(shard.path)
        self._forget(block_key, shard)

    def _warn(self, text: str) -> None:
        with self._lock:
            first, self._warned = not self._warned, True
        if first:
            log.warning("feature cache: %s; going on without what cannot be kept", text)

    def _make_room(self, added: int) -> None:
        """Remove the least recently used shards until nine tenths of the limit are left."""
        with self._lock:
            if self._size is None:
                self._size = sum(_size_of(path) for path in self._files())
            else:
                self._size += added
            if self._size <= self.max_bytes:
                return
            used = sorted((*_use_and_size(path), path) for path in self._files())
            self._size = sum(size for _, size, _ in used)
            for _, size, path in used:
                if self._size <= self.max_bytes * 0.9:
                    break
                _remove(path)
                self._size -= size


def _read_header(path: Path) -> _Shard:
    with open(path, "rb") as stream:
        prelude = stream.read(_PRELUDE.size)
        if len(prelude) < _PRELUDE.size:
            raise _DamagedError("it is cut off")
        magic, number, length, digest = _PRELUDE.unpack(prelude)
        if magic != _MAGIC or number != FORMAT:
            raise _DamagedError("it is not of this format")
        header = stream.read(min(length, 2**26))
        if hashlib.sha256(header).digest() != digest:
            raise _DamagedError("its header does not match its checksum")
        size = os.fstat(stream.fileno()).st_size
    try:
        fields = json.loads(header)
        dtype, keys, shape = fields["dtype"], list(fields["keys"]), tuple(int(n) for n in fields["shape"])
        if dtype not in _DTYPES or fields["block"] != path.parent.name:
            raise _DamagedError("it belongs to another block")
        shard = _Shard(path, np.dtype(dtype), shape, keys, fields["sha256"], _PRELUDE.size + length)
    except (KeyError, TypeError, ValueError) as error:
        raise _DamagedError("its header is not of this format") from error
    if size != shard.start + shard.payload_bytes:
        raise _DamagedError(f"it should have {shard.start + shard.payload_bytes:,} bytes and has {size:,}")
    return shard


def _read_rows(shard: _Shard, rows: list[int]) -> list[NDArray[Any]]:
    """Read rows; the first time the whole payload, against its checksum."""
    width = shard.row_bytes
    with open(shard.path, "rb") as stream:
        if not shard.verified:
            _touch(shard.path)
            stream.seek(shard.start)
            payload = stream.read(shard.payload_bytes)
            if hashlib.sha256(payload).hexdigest() != shard.sha256:
                raise _DamagedError("its content does not match its checksum")
            shard.verified = True
            pieces = [payload[row * width : (row + 1) * width] for row in rows]
        else:
            pieces = []
            for row in rows:
                stream.seek(shard.start + row * width)
                pieces.append(stream.read(width))
    if any(len(piece) != width for piece in pieces):
        raise _DamagedError("it is cut off")
    little = shard.dtype.newbyteorder("<")
    return [np.frombuffer(piece, little).astype(shard.dtype).reshape(shard.shape) for piece in pieces]


def _touch(path: Path) -> None:
    """Mark a shard as used now; eviction takes the least recently used."""
    try:
        os.utime(path)
    except OSError as error:  # a cache that may only be read
        log.debug("cannot touch '%s': %s", path, error)


def _rename_bad(path: Path) -> None:
    try:
        path.replace(path.with_suffix(_BAD))
    except OSError as error:
        log.debug("cannot set '%s' aside: %s", path, error)


def _remove(path: Path) -> int:
    size = _size_of(path)
    try:
        path.unlink()
    except OSError as error:
        log.debug("cannot remove '%s': %s", path, error)
        return 0
    return size


def _size_of(path: Path) -> int:
    return _use_and_size(path)[1]


def _use_and_size(path: Path) -> tuple[int, int]:
    """Return when a file was last used, in nanoseconds, and its bytes; zeros when it is gone."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size
