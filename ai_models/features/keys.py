"""What defines the output of a block, and the keys under which its rows are cached."""

from __future__ import annotations

import hashlib
from typing import Any

from ai_models.core import images
from ai_models.core.config import canonical_json
from ai_models.core.settings import PreprocessConfig
from ai_models.features.base import BaseFeatureExtractor

__all__ = ["QUALITY", "block_identity", "block_key", "quality_key"]

QUALITY = "photo.quality"
"""Name under which the quality of photographs is cached; no block can bear it."""
QUALITY_VERSION = 1
"""Raise it whenever `ai_models.quality` measures otherwise."""


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
