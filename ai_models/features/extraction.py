"""From items to raw blocks: read, hash, look up, decode only what is missing, compute, keep. Nothing is fitted here."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ai_models.core import images
from ai_models.core.config import canonical_json
from ai_models.core.errors import DataError, ImageError
from ai_models.core.images import RGBImage
from ai_models.core.paths import to_text
from ai_models.core.progress import progress
from ai_models.core.quality_levels import QUALITY_COLUMNS
from ai_models.core.settings import PreprocessConfig
from ai_models.execution import map_ordered
from ai_models.features.base import BaseFeatureExtractor
from ai_models.features.cache import FeatureCache
from ai_models.preprocessing import preprocess
from ai_models.quality import quality_row

__all__ = ["Item", "RawFeatures", "block_identity", "block_key", "extract_raw", "working_image", "working_images"]

Item = str | os.PathLike[str] | bytes | RGBImage
"""A path, the bytes of an image file, or an RGB image: uint8 (h, w, 3)."""

QUALITY = "photo.quality"
"""Name under which the quality of photographs is cached; no block can bear it."""
QUALITY_VERSION = 1
"""Raise it whenever `ai_models.quality` measures otherwise."""

_KEPT_BYTES = 32 * 2**20  # of files in a chunk; beyond, a file is read again for decoding


@dataclass
class RawFeatures:
    """What is known of each image before anything is fitted.

    Attributes
    ----------
    blocks
        By block name: (n, ...) vectors, or local descriptors where the block has an encoder. Rows of images that
        could not be read are zero.
    errors
        By row: why the image could not be read.
    quality
        float32 (n, 5), how good each photograph is, columns as `ai_models.core.quality_levels.QUALITY_COLUMNS`; zero
        where it could not be read. No feature: it is not encoded, and no member sees it. None where it was not taken.
    closer
        What a second look at the middle of each image shows; None where there was none.
    """

    blocks: dict[str, NDArray[Any]]
    errors: dict[int, str] = field(default_factory=dict)
    quality: NDArray[np.float32] | None = None
    closer: Self | None = None

    def __len__(self) -> int:
        return len(next(iter(self.blocks.values())))

    def take(self, indices: Sequence[int] | NDArray[np.integer[Any]] | NDArray[np.bool_]) -> Self:
        """Return some rows, in the order given; a boolean mask is understood."""
        rows = np.asarray(indices)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.intp)
        errors = {new: self.errors[old] for new, old in enumerate(rows.tolist()) if old in self.errors}
        quality = None if self.quality is None else self.quality[rows]
        closer = None if self.closer is None else self.closer.take(rows)
        return type(self)({name: block[rows] for name, block in self.blocks.items()}, errors, quality, closer)


def working_image(item: bytes | RGBImage, size: int, config: PreprocessConfig) -> RGBImage:
    """Return the image that blocks of one size see: uint8 (size, size, 3), RGB; see `working_images`."""
    return working_images(item, (size,), config)[size]


def working_images(item: bytes | RGBImage, sizes: Iterable[int], config: PreprocessConfig) -> dict[int, RGBImage]:
    """Return what blocks see of an image by the side of their square: uint8 (size, size, 3), RGB.

    Each comes from the image itself, none from another; what several sizes share is decoded and preprocessed once.

    Raises
    ------
    ImageError
        When bytes cannot be decoded.
    """
    return _seen(item, sizes, config, None)[0]


def _seen(
    item: bytes | RGBImage, sizes: Iterable[int], config: PreprocessConfig, quality_side: int | None
) -> tuple[dict[int, RGBImage], NDArray[np.float32] | None]:
    """Return the working images, and the quality of the photograph as decoded for squares of `quality_side`, if any."""
    wanted = tuple(sizes)
    every = tuple(dict.fromkeys((*wanted, quality_side) if quality_side else wanted))
    decoded = images.decode_for(item, every) if isinstance(item, bytes) else dict.fromkeys(every, item)
    prepared: dict[int, RGBImage] = {}
    for size in wanted:
        if id(decoded[size]) not in prepared:
            prepared[id(decoded[size])] = preprocess(decoded[size], config)
    squares = {size: images.resize(prepared[id(decoded[size])], size) for size in wanted}
    return squares, quality_row(decoded[quality_side], quality_side) if quality_side else None


def block_identity(block: BaseFeatureExtractor, config: PreprocessConfig) -> dict[str, Any]:
    """Return all that defines a block's output on every machine: code, settings, preprocessing, weights."""
    return {
        "name": block.name,
        "version": block.version,
        "class": f"{type(block).__module__}.{type(block).__qualname__}",
        "settings": {name: getattr(block.config, name) for name in block.config_fields},
        "image_size": block.image_size,
        "preprocess": config.digest(),
        "weights": block.weights_digest(),
    }


def block_key(block: BaseFeatureExtractor, config: PreprocessConfig) -> str:
    """Return the key under which a block's rows are cached: its identity, the decoder and the backend."""
    parts = [block_identity(block, config), images.decoder_id(), block.backend()]
    return f"{block.name}-{hashlib.sha256(canonical_json(parts)).hexdigest()[:32]}"


def quality_key(side: int) -> str:
    """Return the key under which the quality of photographs is cached: its version, the side, the decoder."""
    parts = [QUALITY_VERSION, side, images.decoder_id()]
    return f"{QUALITY}-{hashlib.sha256(canonical_json(parts)).hexdigest()[:32]}"


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
    work = _Extraction(blocks, config, cache, keep=len(items) > 1)
    chunks = [items[start : start + chunk] for start in range(0, len(items), chunk)]
    raw = RawFeatures({}, {})

    def stored() -> Iterator[None]:
        start = 0
        for part, result in zip(chunks, map_ordered(work.run, chunks, workers=workers, backend="threads"), strict=True):
            if result.errors and on_error == "raise":
                row, error = min(result.errors.items())
                raise DataError(
                    f"{_name(part[row], start + row)} cannot be read as an image ({error}): mend it or leave it out"
                )
            _store(raw, result, start, len(items))
            for _ in part:
                yield
            start += len(part)

    for _ in progress(stored(), total=len(items), label=label) if label else stored():
        pass
    for block in blocks:
        if block.name not in raw.blocks:  # nothing could be read: the shape is that of a black picture
            row = work.compute(block, [np.zeros((block.image_size, block.image_size, 3), dtype=np.uint8)])
            raw.blocks[block.name] = np.zeros((len(items), *row.shape[1:]), dtype=row.dtype)
    raw.blocks = {block.name: raw.blocks[block.name] for block in blocks}
    if raw.quality is None:
        raw.quality = np.zeros((len(items), len(QUALITY_COLUMNS)), dtype=np.float32)
    return raw


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


class _Extraction:
    """One chunk at a time; holds nothing that chunks change, so threads may share it."""

    def __init__(
        self,
        blocks: Sequence[BaseFeatureExtractor],
        config: PreprocessConfig,
        cache: FeatureCache | None,
        *,
        keep: bool,
    ) -> None:
        self.blocks = blocks
        self.config = config
        self.cache = cache
        self.keep = keep and cache is not None  # a single image is not worth five synced files: a service sees it once
        self.quality_side = min(block.image_size for block in blocks)
        self.keys = {block.name: block_key(block, config) for block in blocks} if cache is not None else {}
        self.keys[QUALITY] = quality_key(self.quality_side)

    def run(self, items: Sequence[Item]) -> RawFeatures:
        """Return the raw blocks of a chunk."""
        keys, sources, errors = self._look_at(items)
        wanted = list(dict.fromkeys(keys.values()))
        rows = {name: self._cached(name, wanted) for name in (*(block.name for block in self.blocks), QUALITY)}
        missing = {key: self._sizes_missing(key, rows) for key in wanted}
        unjudged = {key for key in wanted if key not in rows[QUALITY]}
        unknown = [key for key in wanted if missing[key] or key in unjudged]
        decoded, measured, faults = self._decode({key: sources[key] for key in unknown}, missing, unjudged, items)
        for block in self.blocks:
            need = [key for key in wanted if key not in rows[block.name] and key in decoded]
            if need:
                computed = self.compute(block, [decoded[key][block.image_size] for key in need])
                if self.keep and self.cache is not None:
                    self.cache.put(self.keys[block.name], need, computed)
                rows[block.name].update(zip(need, computed, strict=True))
        if self.keep and self.cache is not None and measured:
            self.cache.put(self.keys[QUALITY], list(measured), np.stack(list(measured.values())))
        rows[QUALITY].update(measured)
        errors |= {row: faults[key] for row, key in keys.items() if key in faults}
        good = {row: key for row, key in keys.items() if key not in faults}
        return RawFeatures(
            {b.name: _fill(len(items), {row: rows[b.name][key] for row, key in good.items()}) for b in self.blocks}
            if good
            else {},
            errors,
            _fill(len(items), {row: rows[QUALITY][key] for row, key in good.items()}) if good else None,
        )

    def compute(self, block: BaseFeatureExtractor, working: list[RGBImage]) -> NDArray[Any]:
        """Run a block and hold it to its contract."""
        rows = np.asarray(block.extract_many(working))
        if len(rows) != len(working):
            raise DataError(
                f"feature block '{block.name}' must return one row an image, got {len(rows)} for {len(working)}: "
                "mend its extract_many"
            )
        expected = np.float32 if block.encoder(0) is None else rows.dtype
        if expected == np.float32 and block.encoder(0) is None and (rows.ndim != 2 or not np.isfinite(rows).all()):
            raise DataError(
                f"feature block '{block.name}' must return a vector of finite numbers for each image, got an array of "
                f"shape {rows.shape}: mend its extract_features"
            )
        return np.ascontiguousarray(rows, dtype=expected)

    def _look_at(
        self, items: Sequence[Item]
    ) -> tuple[dict[int, str], dict[str, bytes | RGBImage | int], dict[int, str]]:
        """Return content key by row, source by key (a row where the file is to be read again), error by row."""
        keys: dict[int, str] = {}
        sources: dict[str, bytes | RGBImage | int] = {}
        errors: dict[int, str] = {}
        kept = 0
        for row, item in enumerate(items):
            if isinstance(item, np.ndarray):
                keys[row] = _array_key(item, row)
                sources.setdefault(keys[row], item)
                continue
            if not isinstance(item, (str, os.PathLike, bytes)):
                raise DataError(f"an image must be a path, bytes or an RGB uint8 array, got {type(item).__name__}")
            try:
                data = item if isinstance(item, bytes) else images.read_bytes(item)
            except ImageError as error:
                errors[row] = str(error)
                continue
            keys[row] = hashlib.sha256(data).hexdigest()
            if keys[row] not in sources:
                kept += len(data)
                sources[keys[row]] = data if kept <= _KEPT_BYTES else row
        return keys, sources, errors

    def _cached(self, name: str, keys: list[str]) -> dict[str, NDArray[Any]]:
        return self.cache.get(self.keys[name], keys) if self.cache is not None else {}

    def _sizes_missing(self, key: str, rows: Mapping[str, Mapping[str, NDArray[Any]]]) -> tuple[int, ...]:
        """Return the sides that an image is needed in, each once, for blocks that do not know it yet."""
        return tuple(dict.fromkeys(block.image_size for block in self.blocks if key not in rows[block.name]))

    def _decode(
        self,
        sources: dict[str, bytes | RGBImage | int],
        sizes: Mapping[str, tuple[int, ...]],
        unjudged: Set[str],
        items: Sequence[Item],
    ) -> tuple[dict[str, dict[int, RGBImage]], dict[str, NDArray[np.float32]], dict[str, str]]:
        """Return working images by key and side, quality by key, and error by key."""
        decoded: dict[str, dict[int, RGBImage]] = {}
        measured: dict[str, NDArray[np.float32]] = {}
        errors: dict[str, str] = {}
        for key, source in sources.items():
            try:
                if isinstance(source, int):
                    source = _read_again(items[source], key)  # noqa: PLW2901 (what the number stands for)
                side = self.quality_side if key in unjudged else None
                decoded[key], quality = _seen(source, sizes[key], self.config, side)
                if quality is not None:
                    measured[key] = quality
            except ImageError as error:
                errors[key] = str(error)
        return decoded, measured, errors


def _fill(count: int, rows: dict[int, NDArray[Any]]) -> NDArray[Any]:
    first = next(iter(rows.values()))
    block = np.zeros((count, *first.shape), dtype=first.dtype)
    for row, values in rows.items():
        block[row] = values
    return block


def _read_again(item: Item, key: str) -> bytes:
    data = item if isinstance(item, bytes) else images.read_bytes(Path(item))  # type: ignore[arg-type]
    if hashlib.sha256(data).hexdigest() != key:
        raise ImageError(images.Verdict.UNREADABLE, "the file changed while it was being read")
    return data


def _array_key(image: NDArray[Any], row: int) -> str:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise DataError(
            f"an image given as an array must be uint8 (height, width, 3) in RGB order, got {image.dtype} "
            f"{image.shape} at {row}: convert it first"
        )
    digest = hashlib.sha256(f"array {image.shape}".encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()
