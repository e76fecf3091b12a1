"""A limit on what an image may cost decides, before anything is fitted, which blocks may be candidates at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ai_models.core.errors import ConfigError, ImageError
from ai_models.core.images import read_bytes
from ai_models.core.logs import get_logger
from ai_models.core.settings import FeatureConfig, PreprocessConfig
from ai_models.features import HybridFeatureExtractor
from ai_models.features.costs import READING, affordable, measure_costs

__all__ = ["within_limit"]

_PHOTOGRAPHS = 5

_log = get_logger(__name__)


def within_limit(
    features: FeatureConfig, preprocess: PreprocessConfig, files: Sequence[Path], limit: float
) -> tuple[FeatureConfig, tuple[str, ...]]:
    """Return the settings with the blocks that fit, and the names of the others; log what was measured.

    The times themselves go into the log and nowhere else: what is written depends on them only through the blocks
    that remain, and these stand in the settings of the model.

    Parameters
    ----------
    features, preprocess
        What was asked for.
    files
        Photographs of the folder; a few, evenly spread, are measured on.
    limit
        Milliseconds that reading an image and all of its features may take.

    Raises
    ------
    ConfigError
        When no block fits.
    """
    chosen = [files[i] for i in np.unique(np.linspace(0, len(files) - 1, _PHOTOGRAPHS).astype(int))]
    readable = []
    for file in chosen:
        try:
            readable.append(read_bytes(file))
        except ImageError as error:
            _log.debug("not measured on '%s': %s", file, error)
    extractor = HybridFeatureExtractor(features, preprocess)
    costs = measure_costs(extractor.blocks, readable, preprocess)
    found = affordable(costs, limit)
    _log.warning("%s (at most %g were asked for)", found, limit)
    if not found.blocks:
        cheapest = costs[READING] + min(cost for name, cost in costs.items() if name != READING)
        raise ConfigError(
            [f"max_ms_per_image must be at least {cheapest:.1f}, the cheapest block on this machine, got {limit:g}"]
        )
    return features.with_blocks(*found.blocks), found.left_out
