"""Chunks of images on the workers of a cluster: paths go there, rows come back, and lie in the shared cache by then."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ai_models.cluster import Cluster
from ai_models.core.errors import ClusterError
from ai_models.core.images import Verdict
from ai_models.core.paths import to_text
from ai_models.core.remote_files import is_url
from ai_models.core.settings import PreprocessConfig
from ai_models.features.base import BaseFeatureExtractor
from ai_models.features.cache import FeatureCache
from ai_models.features.chunks import ChunkExtractor, Fresh
from ai_models.features.raw import Item, RawFeatures

__all__ = ["computed_elsewhere", "may_travel"]

_WORTH = 32  # images from which a cluster is asked


@dataclass(frozen=True)
class _Work:
    """What a worker needs to be the `ChunkExtractor` of the client, and the keys by which it sees that it is."""

    blocks: Sequence[BaseFeatureExtractor]
    config: PreprocessConfig
    cache: tuple[str, int] | None
    keys: Mapping[str, str]


def may_travel(items: Sequence[Item]) -> bool:
    """Return whether items are worth a cluster, and all of them paths or URLs: pixels stay where they are."""
    return len(items) >= _WORTH and all(isinstance(item, (str, os.PathLike)) for item in items)


def computed_elsewhere(
    cluster: Cluster, work: ChunkExtractor, chunks: Iterable[Sequence[Item]]
) -> Iterator[tuple[RawFeatures, Fresh]]:
    """Yield the raw blocks of each chunk, in order, computed on a cluster and put into the shared cache there.

    What is fresh has no rows any more, only the keys of the images that were looked at.

    Raises
    ------
    ClusterError
        When a worker computes with other weights or another backend, or does not see an image that is there.
    """
    cache = None if work.cache is None else (os.path.abspath(work.cache.directory), work.cache.max_bytes)
    held = _Work(work.blocks, work.config, cache, work.keys)
    names = ([_everywhere(item) for item in chunk] for chunk in chunks)
    for node, chunk, part, keys in cluster.map_holding(_compute, held, names):
        for row, error in part.errors.items():
            if error.startswith(f"{Verdict.UNREADABLE}: ") and os.path.isfile(chunk[row]):
                raise ClusterError(
                    f"a worker on '{node}' cannot read '{to_text(chunk[row])}' ({error}), which is a file here: "
                    "keep images where every worker sees them under the same path"
                )
        yield part, Fresh(keys=dict.fromkeys(keys))


def _everywhere(item: Item) -> str:
    name = os.fspath(item)  # type: ignore[arg-type]  # may_travel has seen that it is one
    return name if is_url(name) else os.path.abspath(name)


def _compute(work: _Work, chunk: list[str]) -> tuple[str, list[str], RawFeatures, list[str]]:
    cache = None if work.cache is None else FeatureCache(*work.cache)
    extractor = ChunkExtractor(work.blocks, work.config, cache)
    unlike = sorted(name for name, key in work.keys.items() if extractor.keys.get(name) != key)
    if unlike:
        raise ClusterError(
            f"a worker on '{platform.node()}' would compute {', '.join(unlike)} on another device or with other "
            "weights than this machine: choose --device cpu, or workers alike"
        )
    part, fresh = extractor.run(chunk)
    for name, rows in fresh.rows.items():
        if rows and cache is not None:
            cache.put(extractor.keys[name], list(rows), np.stack(list(rows.values())))
    return platform.node(), chunk, part, list(fresh.keys)
