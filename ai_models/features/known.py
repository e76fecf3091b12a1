"""Images that the cache knows all about: found chunk by chunk, read at the end of a run, a whole block at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ai_models.execution import map_ordered
from ai_models.features.chunks import ChunkExtractor, Fresh, held
from ai_models.features.keys import QUALITY
from ai_models.features.raw import Item, RawFeatures

__all__ = ["Known", "known", "read_known"]


@dataclass(frozen=True)
class Known:
    """A chunk of which nothing needs to be computed: content keys, and why one cannot be read, by row."""

    keys: dict[int, str]
    errors: dict[int, str]

    def __len__(self) -> int:
        return len(self.keys) + len(self.errors)


def known(work: ChunkExtractor, items: Sequence[Item]) -> tuple[Known, Fresh] | None:
    """Return the keys of a chunk where the cache has every row of every block; None where it does not.

    Its first image is asked for alone, so that little is read in vain.
    """
    cache = work.cache
    if cache is None:
        return None
    for part in (items[:1], items):
        errors: dict[int, str] = {}
        keys = {row: key for some in held(part, errors) for row, key, _ in some}
        distinct = list(dict.fromkeys(keys.values()))
        if not distinct or not all(cache.has(work.keys[name], distinct) for name in work.names):
            return None
    return Known(keys, errors), Fresh(keys=dict.fromkeys(distinct))


def read_known(raw: RawFeatures, keys: Mapping[int, str], total: int, work: ChunkExtractor, workers: int) -> list[int]:
    """Read the rows of known images into the raw features of a run.

    Parameters
    ----------
    raw
        Of `total` images; blocks that nothing was put into yet are made.
    keys
        Content keys by row.

    Returns
    -------
    list of int
        Rows that the cache lost meanwhile: they are zero, and left to compute.
    """
    cache = work.cache
    if cache is None or not keys:
        return []
    at, asked = np.fromiter(keys, dtype=np.intp, count=len(keys)), list(keys.values())
    lost = np.zeros(len(keys), dtype=bool)
    found = map_ordered(lambda name: cache.read(work.keys[name], asked), work.names, workers=workers)
    for name, (rows, present) in zip(work.names, found, strict=True):
        lost |= ~present
        if not present.any():
            continue
        whole = raw.quality if name == QUALITY else raw.blocks.get(name)
        if len(keys) == total:
            whole = rows
        else:
            if whole is None:
                whole = np.zeros((total, *rows.shape[1:]), dtype=rows.dtype)
            whole[at] = rows
        if name == QUALITY:
            raw.quality = whole
        else:
            raw.blocks[name] = whole
    return [int(row) for row in at[lost]]
