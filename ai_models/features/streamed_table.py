"""The features of a manifest of any length: rows stream through this machine or a cluster into one array on disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import IO

import numpy as np

from ai_models.cluster import cluster_in_use
from ai_models.core.config import canonical_json
from ai_models.core.errors import DataError
from ai_models.core.manifest_stream import ManifestStream
from ai_models.core.paths import atomic_write, prepare_output_dir, to_text, write_bytes
from ai_models.core.progress import progress
from ai_models.core.settings import FeatureConfig, PreprocessConfig
from ai_models.core.tables import csv_bytes
from ai_models.features.hybrid import HybridFeatureExtractor
from ai_models.features.raw import RawFeatures
from ai_models.features.table import FeatureTable, without_encoders

__all__ = ["write_streamed_features"]

_BATCH = 8192  # rows of the manifest in memory at once
_FOR_A_THREAD = 1024  # of them for each thread of a cluster, so that none runs dry
_REASON = "its codebook is fitted in memory, and a manifest this long is streamed"


def write_streamed_features(
    manifest: ManifestStream,
    output_dir: str | os.PathLike[str],
    *,
    features: FeatureConfig | None = None,
    preprocess: PreprocessConfig | None = None,
    seed: int = 0,
    workers: int = 0,
    overwrite: bool = False,
) -> FeatureTable:
    """Write the features of every row as `ai_models.features.table.write_features` does, in bounded memory.

    Blocks with a codebook are left out. An image that cannot be read has a row of zeros and is named, with the
    reason, in ``unreadable.csv``; where not one image of the first batch can be read, nothing is written.

    Parameters
    ----------
    manifest
        The rows; they are copied as ``manifest.parquet``.
    output_dir
        Gets ``features.npy``, ``features.json`` and ``manifest.parquet``.
    features, preprocess, seed, workers, overwrite
        As of `write_features`.
    """
    config, left_out = without_encoders(features or FeatureConfig(), _REASON)
    output = prepare_output_dir(output_dir, ours="features.npy", overwrite=overwrite)
    extractor = HybridFeatureExtractor(config, preprocess, seed=seed, workers=workers)
    _refuse_codebooks(extractor)
    extractor.fit_raw(extractor.extract_raw([_black(config)], label=""))
    names = [str(name) for name in extractor.get_feature_names_out()]
    total = len(manifest)
    unreadable: list[tuple[str, int, str]] = []
    with atomic_write(output / "features.npy") as stream:
        _write_header(stream, (total, len(names)))
        parts = progress(_parts(extractor, manifest, unreadable), total=total, label="extract", size=len)
        for part in parts:
            stream.write(np.ascontiguousarray(extractor.encode(part), dtype="<f4").tobytes())
    columns = {name: [where.start, where.stop] for name, where in extractor.block_slices.items()}
    described = {"names": names, "blocks": columns, "digest": extractor.digest(), "rows": total}
    write_bytes(output / "features.json", canonical_json(described) + b"\n")
    with manifest.path.open("rb") as source, atomic_write(output / "manifest.parquet") as stream:
        shutil.copyfileobj(source, stream)
    if unreadable:
        write_bytes(output / "unreadable.csv", csv_bytes([["path", "row", "reason"], *map(list, unreadable)]))
    return FeatureTable((total, len(names)), tuple(columns), left_out, len(unreadable))


def _parts(
    extractor: HybridFeatureExtractor, manifest: ManifestStream, unreadable: list[tuple[str, int, str]]
) -> Iterator[RawFeatures]:
    cluster = cluster_in_use()
    size = _BATCH if cluster is None else max(_BATCH, _FOR_A_THREAD * cluster.threads)
    first = 0
    for items in manifest.batches(size):
        for start, part in extractor.iter_raw(items, on_error="record", label=""):
            for row, error in sorted(part.errors.items()):
                unreadable.append((to_text(items[start + row]), first + start + row, error))
            yield part
        if len(unreadable) == first + len(items):
            raise DataError(
                f"not one of the first {len(items):,} images can be read ('{unreadable[0][0]}': {unreadable[0][2]}): "
                "name the folder that the manifest's paths are relative to (--data-dir)"
            )
        first += len(items)


def _refuse_codebooks(extractor: HybridFeatureExtractor) -> None:
    needing = [block.name for block in extractor.blocks if block.encoder(extractor.seed) is not None]
    if needing:
        raise DataError(f"block '{needing[0]}' cannot be written ({_REASON}): leave it out")


def _write_header(stream: IO[bytes], shape: tuple[int, int]) -> None:
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": shape})


def _black(config: FeatureConfig) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    return np.zeros((config.image_size, config.image_size, 3), dtype=np.uint8)
