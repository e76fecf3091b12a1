"""Photographs and their changed versions as embeddings: what the label check looks at, in every fold anew."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import DataError, ImageError
from ai_models.core.images import RGBImage, decode, read_bytes, resize
from ai_models.core.paths import from_text, to_text, write_bytes
from ai_models.core.records import ImageRecord
from ai_models.core.rng import derive_seed, generator
from ai_models.core.settings import FeatureConfig, PreprocessConfig
from ai_models.execution import map_ordered
from ai_models.features import HybridFeatureExtractor
from ai_models.transforms import LONGEST_SIDE, Transform, reduced

__all__ = ["PROBES_FILE", "LabelProbes", "probe_labels", "probed_photographs"]

PROBES_FILE = "label_probes.npz"
"""Name of the file beside the manifest of an augmented folder."""
MOST_OBJECTS = 32
"""Objects of a class that are tried: enough to see a quarter of them carried away, few enough to be quick."""
_CHUNK = 16  # photographs whose versions are in memory at once


@dataclass(frozen=True)
class LabelProbes:
    """Embeddings of photographs and of their changed versions; each depends on its photograph alone.

    Attributes
    ----------
    paths
        The n photographs, as in the manifest; each of another object.
    transforms
        The t transforms.
    plain
        float16 (n, d).
    changed
        float16 (t, n, d).
    """

    paths: tuple[str, ...]
    transforms: tuple[str, ...]
    plain: NDArray[np.float16]
    changed: NDArray[np.float16]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write as ``.npz``, equal bytes for equal probes."""
        stream = io.BytesIO()
        texts = {"paths": [to_text(p) for p in self.paths], "transforms": list(self.transforms)}
        arrays: dict[str, Any] = {name: np.array(values, dtype=np.str_) for name, values in texts.items()}
        np.savez(stream, plain=self.plain, changed=self.changed, **arrays)
        return write_bytes(Path(path), stream.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> LabelProbes:
        """Read what `save` wrote.

        Raises
        ------
        DataError
            When the file is not one of these.
        """
        try:
            with np.load(io.BytesIO(Path(path).read_bytes()), allow_pickle=False) as stored:
                found = cls(
                    tuple(from_text(p) for p in stored["paths"].tolist()),
                    tuple(stored["transforms"].tolist()),
                    np.asarray(stored["plain"], dtype=np.float16),
                    np.asarray(stored["changed"], dtype=np.float16),
                )
        except Exception as error:  # a damaged archive raises whatever its part that is damaged raises
            raise DataError(
                f"'{path}' cannot be read as label probes ({error}): run 'amulet-ai augment' anew"
            ) from error
        n, t = len(found.paths), len(found.transforms)
        if found.plain.ndim != 2 or found.changed.shape != (t, n, found.plain.shape[1]) or len(found.plain) != n:
            raise DataError(f"'{path}' holds label probes whose parts do not fit: run 'amulet-ai augment' anew")
        return found


def probed_photographs(rows: Sequence[ImageRecord], seed: int) -> list[ImageRecord]:
    """Return one photograph of each object, of at most 32 objects a class, drawn by a hash of what they are."""
    order = sorted(rows, key=lambda r: (derive_seed(seed, "label probe", r.sha256 or r.path), r.path))
    objects: set[str] = set()
    taken: dict[str, list[ImageRecord]] = {}
    for row in order:
        key = row.group or row.path
        if key not in objects and len(taken.setdefault(row.label, [])) < MOST_OBJECTS:
            objects.add(key)
            taken[row.label].append(row)
    return sorted((r for own in taken.values() for r in own), key=lambda r: r.path)


def probe_labels(
    root: Path,
    rows: Sequence[ImageRecord],
    transforms: Sequence[Transform],
    strengths: Mapping[str, float],
    *,
    features: FeatureConfig,
    preprocess: PreprocessConfig,
    seed: int,
    workers: int,
) -> LabelProbes:
    """Embed photographs and one changed version of each by each transform.

    Parameters
    ----------
    root
        Folder that the rows' paths are relative to.
    rows
        Photographs, each of another object; those that cannot be read are left out.
    transforms
        The transforms at the strength of the preset.
    strengths
        Class -> what the strength is multiplied by.
    features, preprocess
        The embedding: the cheapest network, or HOG where there is none.
    seed, workers
        Seed of the transforms; threads.
    """
    block, config = _one_block(features)
    extractor = HybridFeatureExtractor(config, preprocess, seed=seed, workers=workers)
    make = partial(
        _versions, root=root, transforms=tuple(transforms), strengths=dict(strengths), seed=seed,
        side=config.image_sizes[-1],
    )  # fmt: skip
    made = map_ordered(make, rows, workers=workers, label="label check", unit="photo")
    paths: list[str] = []
    parts: list[NDArray[np.float16]] = []
    for chunk in _chunks(zip(rows, made, strict=True)):
        readable = [(row.path, images) for row, images in chunk if images]
        paths += [path for path, _ in readable]
        items = [image for _, images in readable for image in images]
        if items:
            vectors = extractor.extract_raw(items, label="").blocks[block].astype(np.float16)
            parts.append(vectors.reshape(len(readable), 1 + len(transforms), -1))
    stacked = np.concatenate(parts) if parts else np.zeros((0, 1 + len(transforms), 0), dtype=np.float16)
    changed = np.ascontiguousarray(stacked[:, 1:].swapaxes(0, 1))
    return LabelProbes(tuple(paths), tuple(t.name for t in transforms), np.ascontiguousarray(stacked[:, 0]), changed)


def _one_block(features: FeatureConfig) -> tuple[str, FeatureConfig]:
    """Return the cheapest network, or HOG where there is none, and the settings for it alone."""
    kept = "use_cnn_features" if features.networks else "use_hog_features"
    off = {name: name == kept for name in features.to_dict() if name.startswith("use_") and name.endswith("_features")}
    block = features.networks[0] if features.networks else "hog"
    return block, features.with_networks(*features.networks[:1]).replace(**off, custom_blocks=())


def _versions(
    row: ImageRecord,
    *,
    root: Path,
    transforms: tuple[Transform, ...],
    strengths: Mapping[str, float],
    seed: int,
    side: int,
) -> list[RGBImage]:
    """Return the photograph and its changed versions at the size that features see; nothing when it is unreadable."""
    try:
        image = decode(read_bytes(root / row.path), size=LONGEST_SIDE)
    except ImageError:
        return []  # the making of copies counts it by its reason
    image = reduced(image)
    if min(image.shape[:2]) < 8:
        return []
    content, strength = row.sha256 or row.path, strengths[row.label]
    changed = [t(image, generator(seed, "label check", content, t.name), strength) for t in transforms]
    return [resize(version, side) for version in (image, *changed)]


def _chunks(pairs: Iterator[tuple[ImageRecord, list[RGBImage]]]) -> Iterator[list[tuple[ImageRecord, list[RGBImage]]]]:
    while chunk := list(islice(pairs, _CHUNK)):
        yield chunk
