"""The folder that holds the cache: which files in it are the cache's own, what they hold, whether they are sound."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ai_models.features.shards.file_format import NewerFormatError, open_shard
from ai_models.features.shards.shard import DamagedError

__all__ = ["BAD", "SHARD_NAME", "SUFFIX", "CacheInfo", "block_folders", "cache_files", "describe"]

SUFFIX, BAD = ".shard", ".bad"
SHARD_NAME = re.compile(r"[0-9a-f]{32}\.(shard|bad)")
_UNFINISHED = re.compile(r"\.[0-9a-z]+\.part")
_BLOCK_NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}-[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What a cache holds: bytes on disk, shards, rows (image features), what is set aside or of a newer version."""

    directory: str
    bytes: int
    max_bytes: int
    shards: int
    rows: int
    rows_by_block: dict[str, int]
    damaged: int
    newer: int


def block_folders(directory: Path) -> Iterator[Path]:
    """Yield the folders of blocks."""
    for entry in _entries(directory):
        if _BLOCK_NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
            yield Path(entry.path)


def cache_files(directory: Path) -> Iterator[Path]:
    """Yield the files that a cache wrote: shards, those set aside, and those that are being written."""
    for folder in block_folders(directory):
        for entry in _entries(folder):
            ours = SHARD_NAME.fullmatch(entry.name) or _UNFINISHED.fullmatch(entry.name)
            if ours and entry.is_file(follow_symlinks=False):
                yield Path(entry.path)


def describe(directory: Path, max_bytes: int) -> CacheInfo:
    """Count what is there; a shard whose header is unreadable counts as damaged."""
    size = shards = damaged = newer = 0
    rows: dict[str, int] = {}
    for path in cache_files(directory):
        try:
            size += path.stat().st_size
            if path.suffix == SUFFIX:
                shard = open_shard(path)
                shards += 1
                name = path.parent.name.rpartition("-")[0]
                rows[name] = rows.get(name, 0) + len(shard)
            elif path.suffix == BAD:
                damaged += 1
        except FileNotFoundError:
            continue
        except NewerFormatError:
            newer += 1
        except (OSError, DamagedError):
            damaged += 1
    by_block = dict(sorted(rows.items()))
    return CacheInfo(str(directory), size, max_bytes, shards, sum(rows.values()), by_block, damaged, newer)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        return sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return []
