"""Features on disk under a content key: safe to share and to kill, never trusted unverified.

Layout: ``<directory>/<block key>/<name>.shard``. A shard (`ai_models.features.shards.file_format`) holds the rows of
some images of one block. It is written under a temporary name, synced, renamed and its folder synced, and never
changed: a reader sees all of it or nothing, and several processes need no lock. Two that compute the same image write
it twice, which does no harm. Every row is hashed when it is read; one that is not what was written is computed again,
and its shard is renamed to ``.bad``. A folder that cannot be written or a full disk costs one warning and the speed,
not the result. Nothing here is pickled.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import OutputError
from ai_models.core.logs import get_logger
from ai_models.core.settings import FeatureConfig
from ai_models.features.shards.block_folder import BlockFolder
from ai_models.features.shards.cache_folder import BAD, SUFFIX, CacheInfo, block_folders, cache_files, describe
from ai_models.features.shards.file_format import FORMAT, write_shard
from ai_models.features.shards.index import packed
from ai_models.features.shards.merging import batches, merge, new_name
from ai_models.features.shards.quarantine import check
from ai_models.features.shards.shard import DTYPES, DamagedError, Shard, row_digests
from ai_models.features.shards.size_limit import SizeLimit, remove

__all__ = ["FORMAT", "CacheInfo", "FeatureCache"]

_FEW = 8  # shards among which rows may lie without being merged
_LARGEST = 8  # part of the limit that a merged shard may take: what is removed goes shard by shard

log = get_logger(__name__)


class FeatureCache:
    """Rows of features by block key and image key. Threads may share it.

    Parameters
    ----------
    directory
        Where shards lie; made when something is put.
    max_bytes
        The most that they may take; the least recently used ones are removed before.
    """

    def __init__(self, directory: str | os.PathLike[str], max_bytes: int) -> None:
        self.directory = Path(directory)
        self.max_bytes = max_bytes
        self.hits = 0
        self.misses = 0
        self._lock = threading.Lock()
        self._limit = SizeLimit(max_bytes, lambda: cache_files(self.directory))
        self._blocks: dict[str, BlockFolder] = {}
        self._warned = False

    @classmethod
    def of(cls, config: FeatureConfig) -> Self | None:
        """Return the cache that settings ask for; None where they ask for none."""
        return cls(config.cache_dir, config.max_cache_bytes) if config.cache_features else None

    def has(self, block_key: str, image_keys: Sequence[str]) -> bool:
        """Say whether the cache knows a row of every image; none is read."""
        return sum(len(hit.positions) for hit in self._block(block_key).find(packed(image_keys))) == len(image_keys)

    def get(self, block_key: str, image_keys: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Return the rows that are there, by image key; arrays of the caller's own."""
        distinct = list(dict.fromkeys(image_keys))
        rows, present = self.read(block_key, distinct)
        return {distinct[position]: rows[position] for position in np.flatnonzero(present).tolist()}

    def read(self, block_key: str, image_keys: Sequence[str]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the row of each image in one array of the caller's own, each hashed as it was read.

        Returns
        -------
        tuple
            (n, ...) rows, zero where the cache does not have them ((n, 0) where it has none), and whether it has each.
        """
        rows, present = self._block(block_key).read(packed(image_keys))
        self._count(int(present.sum()), len(present))
        return rows, present

    def view(self, block_key: str, image_keys: Sequence[str]) -> NDArray[Any] | None:
        """Return the rows of images without copying them, where they lie one after the other in one shard.

        They do after a run that asked for these images in this order and called `merge`. A row is hashed when it is
        first viewed; afterwards the file is trusted for as long as this object lives. Other rows are copied.

        Returns
        -------
        numpy.ndarray or None
            Read-only (n, ...); None unless the cache has every row.
        """
        rows = self._block(block_key).view(packed(image_keys)) if len(image_keys) else None
        if rows is not None:
            self._count(len(rows), len(rows))
            return rows
        rows, present = self.read(block_key, image_keys)
        rows.flags.writeable = False
        return rows if present.all() else None

    def put(self, block_key: str, image_keys: Sequence[str], rows: NDArray[Any]) -> bool:
        """Keep one row for each image key.

        Returns
        -------
        bool
            Whether they are on disk to stay. A place that cannot be written costs a warning, once.
        """
        if rows.dtype.name not in DTYPES or len(rows) != len(image_keys):
            raise TypeError(f"rows must be of a plain number type, one a key, got {len(rows)} of {rows.dtype}")
        if not len(rows):
            return True
        dtype = np.dtype(rows.dtype.name)
        stored = np.ascontiguousarray(rows, dtype=dtype.newbyteorder("<"))
        memory = stored.reshape(-1).view(np.uint8).data
        block = self._block(block_key)
        path, keys = new_name(block.path), packed(image_keys)
        shard = Shard(path, block_key, dtype, rows.shape[1:], keys, row_digests(memory, len(rows)), 0)
        if not self._limit.admit(shard.file_bytes + 2 * len(keys)):
            self._warn(f"{len(memory):,} bytes at once do not fit into its limit of {self.max_bytes:,}")
            return False
        try:
            block.prepare()
            block.add(write_shard(path, shard, [memory]))
        except OutputError as error:
            self._warn(str(error))
            return False
        except OSError as error:
            self._warn(f"cannot write to '{block.path}' ({error.strerror or error})")
            return False
        return True

    def merge(self, block_key: str, image_keys: Sequence[str]) -> None:
        """Bring the rows of these images together, in this order, where they lie in many small shards.

        Whoever asked for many images and is done calls it, so that the next one finds them in few files. Nothing is
        lost whenever it stops: see `ai_models.features.shards.merging`.
        """
        block, wanted = self._block(block_key), packed(list(dict.fromkeys(image_keys)))
        hits = sorted(block.find(wanted), key=lambda hit: int(hit.positions[0]))
        if len(hits) <= _FEW:
            return
        largest = min(self.max_bytes // _LARGEST, self._limit.room())
        for batch in batches([hit.shard for hit in hits], largest):
            self._limit.admit(sum(shard.file_bytes for shard in batch))
            try:
                merged = merge(batch, wanted)
            except (DamagedError, OSError, OutputError) as error:  # merged by another process; or the next read mends
                log.debug("not merged: %s", error)
                return
            if merged is not None:
                block.add(merged)
                block.forget(batch)
                for shard in batch:
                    remove(shard.path)

    def info(self) -> CacheInfo:
        """Count what is there. Unreadable headers count as damaged."""
        return describe(self.directory, self.max_bytes)

    def clear(self) -> int:
        """Remove what this cache wrote, and nothing else; return the bytes that were freed."""
        freed = sum(remove(path) for path in list(cache_files(self.directory)))
        for folder in list(block_folders(self.directory)):
            try:
                folder.rmdir()
            except OSError:
                continue  # something of somebody else's is in it
        with self._lock:
            self._blocks.clear()
        self._limit.forget()
        return freed

    def verify(self) -> list[str]:
        """Read everything and compare checksums; return one clause for each fault and set damaged shards aside."""
        problems = []
        for path in list(cache_files(self.directory)):
            if path.suffix == BAD:
                problems.append(f"'{path}' was set aside as damaged")
            elif path.suffix == SUFFIX:
                problems += filter(None, [check(path)])
        return problems

    def _block(self, block_key: str) -> BlockFolder:
        with self._lock:
            return self._blocks.setdefault(block_key, BlockFolder(self.directory / block_key))

    def _count(self, found: int, asked: int) -> None:
        with self._lock:
            self.hits += found
            self.misses += asked - found

    def _warn(self, text: str) -> None:
        with self._lock:
            first, self._warned = not self._warned, True
        if first:
            log.warning("feature cache: %s; going on without what cannot be kept", text)
