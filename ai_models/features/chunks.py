"""One chunk of items: read, hash, look up, decode only what is missing, compute. Threads may share it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core import images
from ai_models.core.errors import DataError, ImageError
from ai_models.core.images import RGBImage
from ai_models.core.quality_levels import QUALITY_COLUMNS
from ai_models.core.remote_files import is_url, read_file
from ai_models.core.settings import PreprocessConfig
from ai_models.features.base import BaseFeatureExtractor
from ai_models.features.cache import FeatureCache
from ai_models.features.keys import QUALITY, block_key, quality_key
from ai_models.features.raw import Item, RawFeatures
from ai_models.features.working import seen

__all__ = ["ChunkExtractor", "Fresh", "held"]

_HELD_BYTES = 32 * 2**20  # of files that are in memory at once, beside one more

Rows = dict[str, NDArray[Any]]  # by content key


@dataclass
class Fresh:
    """Rows that were computed rather than found, by the name of their block and the content key of their image."""

    rows: dict[str, Rows] = field(default_factory=dict)
    keys: dict[str, None] = field(default_factory=dict)
    """Of all images, found ones as well, in their order."""

    def add(self, other: Fresh) -> None:
        """Take in the rows of another."""
        for name, rows in other.rows.items():
            self.rows.setdefault(name, {}).update(rows)


class ChunkExtractor:
    """Computes chunks; holds nothing that a chunk changes.

    Parameters
    ----------
    blocks
        What to compute.
    config
        What is done to pixels first.
    cache
        Where rows are looked up; None for nowhere.
    """

    def __init__(
        self, blocks: Sequence[BaseFeatureExtractor], config: PreprocessConfig, cache: FeatureCache | None
    ) -> None:
        self.blocks = blocks
        self.config = config
        self.cache = cache
        self.quality_side = min(block.image_size for block in blocks)
        self.names = (*(block.name for block in blocks), QUALITY)
        self.keys = {block.name: block_key(block, config) for block in blocks} if cache is not None else {}
        self.keys[QUALITY] = quality_key(self.quality_side)

    def run(self, items: Sequence[Item]) -> tuple[RawFeatures, Fresh]:
        """Return the raw blocks of a chunk, and what of them the cache does not know.

        Files are read and decoded one after the other, or as many as are looked up together; then one block after the
        other sees all squares, so that its code and tables stay in the processor's caches.
        """
        known: dict[str, Rows] = {name: {} for name in self.names}
        keys: dict[int, str] = {}
        errors: dict[int, str] = {}
        faults: dict[str, str] = {}
        fresh = Fresh({name: {} for name in self.names})
        squares: dict[str, dict[int, RGBImage]] = {}
        for part in held(items, errors) if self.cache is not None else _one_by_one(items, errors):
            keys.update((row, key) for row, key, _ in part)
            fresh.keys |= dict.fromkeys(key for _, key, _ in part)
            sources = {key: source for _, key, source in part if key not in faults and key not in squares}
            for name in self.names:
                known[name].update(self._cached(name, [key for key in sources if key not in known[name]]))
            self._decode(sources, known, squares, fresh.rows[QUALITY], faults)
        for block in self.blocks:
            need = [key for key in squares if key not in known[block.name]]
            if need:
                rows = self.compute(block, [squares[key][block.image_size] for key in need])
                fresh.rows[block.name] = dict(zip(need, rows, strict=True))
        for name, computed in fresh.rows.items():
            known[name].update(computed)
        errors |= {row: faults[key] for row, key in keys.items() if key in faults}
        good = {row: key for row, key in keys.items() if key not in faults}
        return self._gathered(len(items), good, known, errors), fresh

    def compute(self, block: BaseFeatureExtractor, working: list[RGBImage]) -> NDArray[Any]:
        """Run a block and hold it to its contract."""
        rows = np.asarray(block.extract_many(working))
        if len(rows) != len(working):
            raise DataError(
                f"feature block '{block.name}' must return one row an image, got {len(rows)} for {len(working)}: "
                "mend its extract_many"
            )
        vectors = block.encoder(0) is None
        if vectors and (rows.ndim != 2 or not np.isfinite(rows).all()):
            raise DataError(
                f"feature block '{block.name}' must return a vector of finite numbers for each image, got an array of "
                f"shape {rows.shape}: mend its extract_features"
            )
        return np.ascontiguousarray(rows, dtype=np.float32 if vectors else rows.dtype)

    def blank(self, block: BaseFeatureExtractor, count: int) -> NDArray[Any]:
        """Return rows of images that could not be read: zero, in the shape that a black picture has."""
        row = self.compute(block, [np.zeros((block.image_size, block.image_size, 3), dtype=np.uint8)])
        return np.zeros((count, *row.shape[1:]), dtype=row.dtype)

    def _decode(
        self,
        sources: Mapping[str, bytes | RGBImage],
        known: Mapping[str, Rows],
        squares: dict[str, dict[int, RGBImage]],
        judged: Rows,
        faults: dict[str, str],
    ) -> None:
        """Fill in the squares and the quality of images that are not wholly known, and why one cannot be read."""
        for key, source in sources.items():
            sizes = dict.fromkeys(block.image_size for block in self.blocks if key not in known[block.name])
            side = None if key in known[QUALITY] else self.quality_side
            if not sizes and side is None:
                continue
            try:
                squares[key], quality = seen(source, sizes, self.config, side)
            except ImageError as error:
                faults[key] = str(error)
                continue
            if quality is not None:
                judged[key] = quality

    def _cached(self, name: str, keys: list[str]) -> Rows:
        return self.cache.get(self.keys[name], keys) if self.cache is not None and keys else {}

    def _gathered(
        self, count: int, good: Mapping[int, str], known: Mapping[str, Rows], errors: dict[int, str]
    ) -> RawFeatures:
        def block_of(name: str, blank: NDArray[Any]) -> NDArray[Any]:
            for row, key in good.items():
                blank[row] = known[name][key]
            return blank

        def like(name: str) -> NDArray[Any]:
            first = known[name][next(iter(good.values()))]
            return np.zeros((count, *first.shape), dtype=first.dtype)

        blocks = {b.name: block_of(b.name, like(b.name) if good else self.blank(b, count)) for b in self.blocks}
        quality = block_of(QUALITY, np.zeros((count, len(QUALITY_COLUMNS)), dtype=np.float32))
        return RawFeatures(blocks, errors, quality)


def held(items: Sequence[Item], errors: dict[int, str]) -> Iterator[list[tuple[int, str, bytes | RGBImage]]]:
    """Yield row, content key and source of items, as many at once as may be in memory; why one cannot be read."""
    batch: list[tuple[int, str, bytes | RGBImage]] = []
    size = 0
    for row, source in _opened(items, errors):
        batch.append((row, _content_key(source), source))
        size += len(source) if isinstance(source, bytes) else 0
        if size > _HELD_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _one_by_one(items: Sequence[Item], errors: dict[int, str]) -> Iterator[list[tuple[int, str, bytes | RGBImage]]]:
    """Yield as `held` does, for nothing to be looked up: a file is then still in the processor's caches when decoded.

    Rows stand for content keys, since hashing a photograph of 12 megapixels costs a tenth of decoding it.
    """
    for row, source in _opened(items, errors):
        yield [(row, str(row), source)]


def _opened(items: Sequence[Item], errors: dict[int, str]) -> Iterator[tuple[int, bytes | RGBImage]]:
    for row, item in enumerate(items):
        try:
            yield row, _source(item, row)
        except ImageError as error:
            errors[row] = str(error)


def _source(item: Item, row: int) -> bytes | RGBImage:
    if isinstance(item, np.ndarray):
        return _checked(item, row)
    if not isinstance(item, (str, os.PathLike, bytes)):
        raise DataError(f"an image must be a path, bytes or an RGB uint8 array, got {type(item).__name__}")
    return item if isinstance(item, bytes) else _read(item)


def _read(item: str | os.PathLike[str]) -> bytes:
    return read_file(item) if isinstance(item, str) and is_url(item) else images.read_bytes(item)


def _checked(image: NDArray[Any], row: int) -> RGBImage:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise DataError(
            f"an image given as an array must be uint8 (height, width, 3) in RGB order, got {image.dtype} "
            f"{image.shape} at {row}: convert it first"
        )
    return image


def _content_key(source: bytes | RGBImage) -> str:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    digest = hashlib.sha256(f"array {source.shape}".encode())
    digest.update(np.ascontiguousarray(source).data)
    return digest.hexdigest()
