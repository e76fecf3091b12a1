"""The features of every row of a manifest, written as one array with the names of its columns."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ai_models.core.config import canonical_json
from ai_models.core.errors import ConfigError, DataError
from ai_models.core.paths import atomic_write, prepare_output_dir, write_bytes
from ai_models.core.records import Manifest, Split
from ai_models.core.rng import generator
from ai_models.core.settings import FeatureConfig, PreprocessConfig
from ai_models.features.base import FloatArray
from ai_models.features.hybrid import HybridFeatureExtractor

__all__ = ["FeatureTable", "without_encoders", "write_features"]

_UNSPLIT = "its codebook is fitted on training rows, and nothing is split yet"

_IN_MEMORY = 1_000  # photographs whose local descriptors are held at once, and that a codebook is fitted on at most


@dataclass(frozen=True)
class FeatureTable:
    """What was written: rows and columns, blocks, those that were left out, with the reason, and unreadable images."""

    shape: tuple[int, int]
    blocks: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    unreadable: int = 0


def write_features(
    manifest: Manifest,
    output_dir: str | os.PathLike[str],
    *,
    features: FeatureConfig | None = None,
    preprocess: PreprocessConfig | None = None,
    seed: int = 0,
    workers: int = 0,
    overwrite: bool = False,
) -> FeatureTable:
    """Write the features of every row, part by part, so that memory does not grow with their number.

    Parameters
    ----------
    manifest
        The rows. Encoders (SIFT, ORB) are fitted on its training photographs; where nothing is split, the blocks
        that need one are left out, because a codebook that saw every image would leak into any later split.
    output_dir
        Gets ``features.npy`` (float32 (n, d), rows in the manifest's order), ``features.json`` (column names,
        columns of each block, digest of what defines them) and ``manifest.csv``.
    features, preprocess
        Which blocks, and what is done to pixels first.
    seed
        Seed of the codebooks.
    workers
        Threads; 0 for one a core.
    overwrite
        Replace an earlier result in `output_dir`.
    """
    config, left_out = features or FeatureConfig(), dict[str, str]()
    if not len(manifest.on(Split.TRAIN)):
        config, left_out = without_encoders(config, _UNSPLIT)
    output = prepare_output_dir(output_dir, ours="features.npy", overwrite=overwrite)
    extractor = HybridFeatureExtractor(config, preprocess, seed=seed, workers=workers)
    training = np.flatnonzero([r.split is Split.TRAIN and not r.is_copy for r in manifest])
    files = [os.path.join(manifest.root, row.path) for row in manifest]  # as text: a Path is four times as large
    parts = _encoded(extractor, files, training if len(training) else np.arange(len(files)))
    first = next(parts)
    with atomic_write(output / "features.npy") as stream:
        shape = (len(files), first.shape[1])
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": shape})
        for part in chain((first,), parts):
            stream.write(np.ascontiguousarray(part, dtype="<f4").data)
    columns = {name: [where.start, where.stop] for name, where in extractor.block_slices.items()}
    names = [str(name) for name in extractor.get_feature_names_out()]
    described = {"names": names, "blocks": columns, "digest": extractor.digest(), "rows": len(files)}
    write_bytes(output / "features.json", canonical_json(described) + b"\n")
    manifest.save(output / "manifest.csv")
    return FeatureTable((len(files), len(names)), tuple(columns), left_out)


def _encoded(
    extractor: HybridFeatureExtractor, files: Sequence[str], training: NDArray[np.intp]
) -> Iterator[FloatArray]:
    """Yield the encoded rows of files in parts; where there are many, memory does not grow with their number."""
    if len(files) <= _IN_MEMORY:
        raw = extractor.extract_raw(files)
        extractor.fit_raw(raw.take(training))
        yield extractor.encode(raw)
        return
    if any(block.encoder(extractor.seed) is not None for block in extractor.blocks):
        chosen = generator(extractor.seed, "photographs for codebooks").permutation(training)[:_IN_MEMORY]
    else:
        chosen = training[:1]
    extractor.fit_raw(extractor.extract_raw([files[row] for row in np.sort(chosen)], label="codebook"))
    for _, part in extractor.iter_raw(files):
        yield extractor.encode(part)


def without_encoders(config: FeatureConfig, reason: str) -> tuple[FeatureConfig, dict[str, str]]:
    """Return the settings without blocks that need a codebook, and these with the reason.

    Raises
    ------
    DataError
        When no block is left.
    """
    needing = [name for name in ("sift", "orb") if getattr(config, f"use_{name}_features")]
    if not needing:
        return config, {}
    try:
        kept = config.replace(**{f"use_{name}_features": False for name in needing})
    except ConfigError as error:
        raise DataError(
            f"{' and '.join(needing)} need a codebook fitted on training rows ({reason}): "
            "run 'amulet-ai split' first and give its manifest"
        ) from error
    return kept, dict.fromkeys(needing, reason)
