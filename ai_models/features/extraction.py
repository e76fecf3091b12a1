"""From items to raw blocks on several threads or a cluster: in order, bounded ahead. Nothing is fitted here."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from ai_models.cluster import cluster_in_use
from ai_models.core.errors import DataError
from ai_models.core.paths import to_text
from ai_models.core.progress import progress
from ai_models.core.quality_levels import QUALITY_COLUMNS
from ai_models.core.settings import PreprocessConfig
from ai_models.execution import map_ordered, worker_count
from ai_models.features.base import BaseFeatureExtractor
from ai_models.features.cache import FeatureCache
from ai_models.features.chunks import ChunkExtractor, Fresh
from ai_models.features.cluster_chunks import computed_elsewhere, may_travel
from ai_models.features.keys import block_identity, block_key
from ai_models.features.known import Known, known, read_known
from ai_models.features.raw import Item, RawFeatures
from ai_models.features.working import working_image, working_images

__all__ = [
    "Item",
    "RawFeatures",
    "block_identity",
    "block_key",
    "extract_raw",
    "iter_raw",
    "working_image",
    "working_images",
]

P = TypeVar("P", RawFeatures, RawFeatures | Known)

_LEAST, _MOST = 4, 32  # images of a chunk, except the last; a network on a GPU may want more at once
_ON_A_CLUSTER = 64  # most images of a chunk there: what a lost worker costs, and what one write to the cache holds
_KEEP_EVERY = 2.0  # seconds between writes to the cache: what a killed run loses at most, and fsyncs are few


def extract_raw(
    items: Sequence[Item],
    blocks: Sequence[BaseFeatureExtractor],
    config: PreprocessConfig,
    *,
    cache: FeatureCache | None,
    workers: int,
    chunk: int,
    on_error: str,
    label: str,
) -> RawFeatures:
    """Compute the raw blocks of items; see `HybridFeatureExtractor.extract_raw`."""
    if not items:
        work = ChunkExtractor(blocks, config, None)
        none = np.zeros((0, len(QUALITY_COLUMNS)), dtype=np.float32)
        return RawFeatures({block.name: work.blank(block, 0) for block in blocks}, {}, none)
    raw = RawFeatures({}, {})
    keys: dict[int, str] = {}
    work = ChunkExtractor(blocks, config, cache)

    def run(part: Sequence[Item]) -> tuple[RawFeatures | Known, Fresh]:
        return known(work, part) or work.run(part)

    parts = _parts(items, work, run, workers=workers, chunk=chunk, on_error=on_error)
    for start, part in _shown(parts, len(items), label):
        if isinstance(part, Known):
            keys.update((start + row, key) for row, key in part.keys.items())
            raw.errors.update((start + row, error) for row, error in part.errors.items())
        elif len(part) == len(items):
            return part
        else:
            _store(raw, part, start, len(items))
    for row in read_known(raw, keys, len(items), work, workers):
        _store(raw, work.run(items[row : row + 1])[0], row, len(items))
    return raw


def iter_raw(
    items: Sequence[Item],
    blocks: Sequence[BaseFeatureExtractor],
    config: PreprocessConfig,
    *,
    cache: FeatureCache | None,
    workers: int,
    chunk: int,
    on_error: str,
    label: str,
) -> Iterator[tuple[int, RawFeatures]]:
    """Compute the raw blocks of items chunk by chunk; see `HybridFeatureExtractor.iter_raw`."""
    work = ChunkExtractor(blocks, config, cache)
    parts = _parts(items, work, work.run, workers=workers, chunk=chunk, on_error=on_error)
    return _shown(parts, len(items), label)


def _shown(parts: Iterator[tuple[int, P]], total: int, label: str) -> Iterator[tuple[int, P]]:
    return progress(parts, total=total, label=label, size=lambda part: len(part[1])) if label else parts


def _parts(
    items: Sequence[Item],
    work: ChunkExtractor,
    run: Callable[[Sequence[Item]], tuple[P, Fresh]],
    *,
    workers: int,
    chunk: int,
    on_error: str,
) -> Iterator[tuple[int, P]]:
    keeper = _Keeper(work, keep=len(items) > 1)  # one image is not worth synced files: a service sees it once
    try:
        for cut, part, fresh in _computed(items, work, run, workers, chunk):
            keeper.add(fresh)
            if part.errors and on_error == "raise":
                row, error = min(part.errors.items())
                name = _name(items[cut.start + row], cut.start + row)
                raise DataError(f"{name} cannot be read as an image ({error}): mend it or leave it out")
            yield cut.start, part
    finally:
        keeper.close()


def _computed(
    items: Sequence[Item],
    work: ChunkExtractor,
    run: Callable[[Sequence[Item]], tuple[P, Fresh]],
    workers: int,
    chunk: int,
) -> Iterator[tuple[slice, P, Fresh]]:
    """Yield each part in order, and what of it has still to be put into the cache."""
    least = max(_LEAST, *(block.at_once for block in work.blocks))
    cluster = cluster_in_use()
    if cluster is not None and may_travel(items):
        cuts = _cuts(len(items), least, max(_ON_A_CLUSTER, least), cluster.threads)
        results: Iterator[Any] = computed_elsewhere(cluster, work, (items[cut] for cut in cuts))
    else:
        cuts = _cuts(len(items), least, max(min(chunk, _MOST), least), worker_count(workers))
        results = map_ordered(lambda cut: run(items[cut]), cuts, workers=workers, backend="threads")
    for cut, (part, fresh) in zip(cuts, results, strict=True):
        yield cut, part, fresh


def _cuts(count: int, least: int, most: int, workers: int) -> list[slice]:
    """Cut a number of items into chunks that shrink towards the end, so that no worker ends long after the others.

    Guided self-scheduling (Polychronopoulos and Kuck, IEEE Transactions on Computers 1987).
    """
    cuts, start = [], 0
    while start < count:
        share = (count - start) // (2 * workers) // least * least if workers > 1 else most
        size = min(most, max(least, share))
        cuts.append(slice(start, min(start + size, count)))
        start += size
    return cuts


class _Keeper:
    """Puts fresh rows into the cache now and then, away from the threads that compute: they never wait for a disk."""

    def __init__(self, work: ChunkExtractor, *, keep: bool) -> None:
        self.cache = work.cache if keep else None
        self.keys = work.keys
        self.fresh = Fresh()
        self.seen: dict[str, None] = {}
        self.flushed = time.monotonic()

    def add(self, fresh: Fresh) -> None:
        if self.cache is not None:
            self.fresh.add(fresh)
            self.seen |= fresh.keys
            if time.monotonic() - self.flushed > _KEEP_EVERY:
                self.flush()

    def close(self) -> None:
        """Put what is left, and let the next run find all of it in few files."""
        self.flush()
        if self.cache is not None:
            for key in self.keys.values():
                self.cache.merge(key, list(self.seen))

    def flush(self) -> None:
        for name, rows in self.fresh.rows.items():
            if rows and self.cache is not None:
                self.cache.put(self.keys[name], list(rows), np.stack(list(rows.values())))
        self.fresh = Fresh()
        self.flushed = time.monotonic()


def _store(raw: RawFeatures, part: RawFeatures, start: int, total: int) -> None:
    for name, rows in part.blocks.items():
        if name not in raw.blocks:
            raw.blocks[name] = np.zeros((total, *rows.shape[1:]), dtype=rows.dtype)
        raw.blocks[name][start : start + len(rows)] = rows
    if part.quality is not None:
        if raw.quality is None:
            raw.quality = np.zeros((total, part.quality.shape[1]), dtype=np.float32)
        raw.quality[start : start + len(part.quality)] = part.quality
    raw.errors.update((start + row, error) for row, error in part.errors.items())


def _name(item: Item, row: int) -> str:
    return f"image '{to_text(os.fspath(item))}'" if isinstance(item, (str, os.PathLike)) else f"image {row}"
