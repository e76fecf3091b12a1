"""Features that nothing was fitted for: what may be compared across any split of the same photographs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import DataError
from ai_models.core.images import RGBImage
from ai_models.core.settings import FeatureConfig
from ai_models.evaluation.scoring import Model

__all__ = ["PlainFeatures", "plain_features"]

_LEARNED = ("sift", "orb")  # their codebooks saw the training photographs


@dataclass(frozen=True)
class PlainFeatures:
    """Features of the images that can be read.

    Attributes
    ----------
    X
        float32 (n, d), the blocks side by side, each scaled to length 1 a row.
    readable
        int64 (n,), their places among the images asked for.
    blocks
        Names of the blocks.
    """

    X: NDArray[np.float32]
    readable: NDArray[np.int64]
    blocks: tuple[str, ...]


def plain_features(model: Model, items: Sequence[Path | RGBImage], *, label: str = "") -> PlainFeatures:
    """Return the embedding of images, or where the model has none its other blocks without a codebook.

    Parameters
    ----------
    model
        Its extractor computes them, with the cache where it has one.
    items
        Files and RGB uint8 (h, w, 3) arrays.
    label
        Text of the progress bar; empty for none.

    Raises
    ------
    DataError
        When the model has no block without a codebook.
    """
    extractor = copy.copy(model.extractor)  # shares the network, not the settings
    extractor.config = _without_codebooks(extractor.config or FeatureConfig())
    raw = extractor.extract_raw(items, on_error="record", label=label)
    readable = np.array([i for i in range(len(items)) if i not in raw.errors], dtype=np.int64)
    plain = {name: block[readable] for name, block in raw.blocks.items() if block.ndim == 2}
    if not plain:
        raise _no_block()
    scaled = [_scaled(block.astype(np.float32)) for block in plain.values()]
    return PlainFeatures(np.concatenate(scaled, axis=1), readable, tuple(plain))


def _without_codebooks(config: FeatureConfig) -> FeatureConfig:
    off = {f"use_{name}_features": False for name in _LEARNED}
    if config.use_cnn_features:
        names = [f.name for f in fields(config) if f.name.startswith("use_") and f.name != "use_cnn_features"]
        return config.replace(**dict.fromkeys(names, False), custom_blocks=())
    left = (config.use_hog_features, config.use_lbp_features, config.use_colour_features, bool(config.custom_blocks))
    if not any(left):
        raise _no_block()
    return config.replace(**off)


def _scaled(block: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(block, axis=1, keepdims=True)
    return np.asarray(np.divide(block, length, out=np.zeros_like(block), where=length > 0), dtype=np.float32)


def _no_block() -> DataError:
    return DataError(
        "this model has only features whose codebook was fitted on its training photographs, and these cannot be "
        "compared across splits: train with --cnn, --hog, --lbp or --colour"
    )
