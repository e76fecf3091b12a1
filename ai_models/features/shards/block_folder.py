"""One block's folder of shards: finds and reads rows, whatever other processes add, merge or remove meanwhile."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.logs import get_logger
from ai_models.core.paths import sync_folder
from ai_models.features.shards.cache_folder import SHARD_NAME, SUFFIX
from ai_models.features.shards.file_format import NewerFormatError, open_shard
from ai_models.features.shards.index import BlockIndex, Hit
from ai_models.features.shards.quarantine import rename_bad, set_aside
from ai_models.features.shards.shard import KEY_BYTES, DamagedError, Shard

__all__ = ["BlockFolder"]

_ATTEMPTS = 8  # looks for rows whose shards vanish or are damaged under the reader, before they are computed instead
_UNSETTLED = 5 * 10**9  # nanoseconds: a folder changed so lately may change again without its time telling

log = get_logger(__name__)


class BlockFolder:
    """The rows of one block. Threads may share it.

    Parameters
    ----------
    path
        The folder; need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._index = BlockIndex()
        self._seen: set[str] = set()
        self._changed = 0
        self._prepared = False
        self._warned = False
        self._used: set[str] = set()
        self._mapped: dict[str, tuple[NDArray[Any], NDArray[np.bool_]]] = {}

    def prepare(self) -> None:
        """Make the folder and see that its own name is on disk, once.

        Raises
        ------
        OSError
            When it cannot be made.
        """
        if not self._prepared:
            self.path.mkdir(parents=True, exist_ok=True)
            for above in self.path.parents[:2]:
                sync_folder(above)
            self._prepared = True

    def find(self, wanted: bytes) -> list[Hit]:
        """Return where packed keys are; looks at the folder only when something is not known."""
        with self._lock:
            hits = self._index.find(wanted)
            if sum(len(hit.positions) for hit in hits) * KEY_BYTES < len(wanted) and self._look():
                hits = self._index.find(wanted)
            return hits

    def add(self, shard: Shard) -> None:
        """Make known what this process wrote."""
        with self._lock:
            self._seen.add(shard.path.name)
            self._index.add(shard)

    def forget(self, shards: Iterable[Shard]) -> None:
        """Use these shards no more, and look for what was written meanwhile."""
        gone = list(shards)
        with self._lock:
            self._index.remove(gone)
            self._changed = 0
            for shard in gone:
                self._mapped.pop(shard.path.name, None)

    def read(self, wanted: bytes) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the rows of packed keys, zero where there is none, and whether there is one; see `FeatureCache`."""
        count = len(wanted) // KEY_BYTES
        present = np.zeros(count, dtype=bool)
        rows: NDArray[Any] = np.zeros((count, 0), dtype=np.float32)
        for _ in range(_ATTEMPTS):
            left = np.flatnonzero(~present)
            stable = True
            for hit in self.find(b"".join(wanted[i * KEY_BYTES : (i + 1) * KEY_BYTES] for i in left.tolist())):
                values, sound = self._read(hit)
                if sound.all() and len(values) == count:
                    return values, sound  # all from one shard, in the order asked for: no copy
                if not present.any():
                    rows = hit.shard.empty(count)
                if (values.dtype, values.shape[1:]) != (rows.dtype, rows.shape[1:]):
                    continue  # of a block that changed its form and not its version: computed again
                found = left[hit.positions[sound]]
                rows[found], present[found] = values[sound], True
                stable = stable and bool(sound.all())
            if stable:
                break
        return rows, present

    def view(self, wanted: bytes) -> NDArray[Any] | None:
        """Return the rows of packed keys as they lie in the file; None where they do not lie so, or are damaged."""
        hits = self.find(wanted)
        if len(hits) != 1 or len(hits[0].rows) * KEY_BYTES != len(wanted) or (np.diff(hits[0].rows) != 1).any():
            return None
        shard, rows, _ = hits[0]
        name, part = shard.path.name, slice(int(rows[0]), int(rows[-1]) + 1)
        try:
            if name not in self._mapped:
                self._mapped[name] = shard.map(), np.zeros(len(shard), dtype=bool)
            mapped, checked = self._mapped[name]
            if not checked[part].all():
                self._use(shard)
                checked[part] = shard.sound(mapped[part].reshape(-1).view(np.uint8).data, rows)
        except (OSError, ValueError) as error:  # gone, or a file system that maps nothing
            log.debug("cannot map '%s': %s", shard.path, error)
            return None
        return mapped[part] if checked[part].all() else None

    def _read(self, hit: Hit) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the rows of a hit, and whether each is what was written; a shard with one that is not is mended."""
        shard = hit.shard
        nothing = shard.empty(len(hit.rows)), np.zeros(len(hit.rows), dtype=bool)
        try:
            values, sound = shard.read(hit.rows)
        except FileNotFoundError:
            self.forget([shard])  # removed or merged by somebody else
            return nothing
        except OSError as error:
            self._cannot_read(shard.path, error)
            self.forget([shard])
            return nothing
        except DamagedError as fault:
            self._mend(shard, str(fault))
            return nothing
        if not sound.all():
            self._mend(shard, "its content does not match its checksum")
        self._use(shard)
        return values, sound

    def _mend(self, shard: Shard, fault: str) -> None:
        rescued, unsound = set_aside(shard, fault)
        self.forget([shard])
        if rescued is not None:
            self.add(rescued)
        elif shard.path.exists() and not unsound.all():  # a folder that may only be read: its sound rows still serve
            keys = np.frombuffer(shard.keys, dtype=np.uint8).reshape(-1, KEY_BYTES).copy()
            keys[unsound] = np.frombuffer(secrets.token_bytes(KEY_BYTES), dtype=np.uint8)  # nobody asks for it
            self.add(replace(shard, keys=keys.tobytes()))

    def _use(self, shard: Shard) -> None:
        """Mark a shard as used now, once; the least recently used are removed first."""
        if shard.path.name not in self._used:
            self._used.add(shard.path.name)
            try:
                os.utime(shard.path)
            except OSError as error:  # a cache that may only be read
                log.debug("cannot touch '%s': %s", shard.path, error)

    def _look(self) -> bool:
        """Open the shards that have come since the last look; False where none can have."""
        try:
            changed = self.path.stat().st_mtime_ns
            if self._changed == changed:
                return False
            settled = time.time_ns() - changed > _UNSETTLED
            for _ in range(_ATTEMPTS):
                names = self._names()
                vanished = sum(not self._open(self.path / name) for name in names if name not in self._seen)
                if not vanished and (settled or self._names() == names):
                    break  # else a merge is going on, and both its ends may have been missed
        except OSError:
            return False
        self._changed = changed if settled else 0
        return True

    def _names(self) -> list[str]:
        found = [entry for entry in os.scandir(self.path) if entry.name.endswith(SUFFIX)]
        return sorted(e.name for e in found if SHARD_NAME.fullmatch(e.name) and e.is_file(follow_symlinks=False))

    def _open(self, path: Path) -> bool:
        """Make known what a shard holds; False where it is gone."""
        self._seen.add(path.name)
        try:
            self._index.add(open_shard(path))
        except FileNotFoundError:
            return False
        except NewerFormatError as fault:
            log.warning("feature cache: '%s' is not used: %s", path, fault)
        except DamagedError as fault:
            rename_bad(path, str(fault))
        except OSError as error:
            self._cannot_read(path, error)
        return True

    def _cannot_read(self, path: Path, error: OSError) -> None:
        level = logging.DEBUG if self._warned else logging.WARNING  # a disk that fails fails often
        log.log(level, "feature cache: cannot read '%s' (%s): computed again", path, error.strerror or error)
        self._warned = True
