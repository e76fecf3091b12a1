"""Which pairs are worth laying over one another: all of a small folder, the nearest by embedding of a large one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_models.core.settings import FeatureConfig
from ai_models.features import HybridFeatureExtractor

__all__ = ["ALL_PAIRS", "NEIGHBOURS", "candidate_pairs", "nearest_pairs"]

ALL_PAIRS = 100
"""Photographs up to which every pair is compared: cheaper than an embedding, and nothing is missed."""
NEIGHBOURS = 12
"""Nearest photographs by embedding that each one is compared with in a larger folder."""
_BLOCK = 2**22  # products held at once


def candidate_pairs(files: Sequence[Path], *, features: FeatureConfig, workers: int) -> NDArray[np.intp]:
    """Return the pairs to compare, (m, 2) with a < b, sorted.

    Parameters
    ----------
    files
        The photographs; all can be read.
    features
        Where embeddings are cached; network and image size are used, the other blocks are not.
    workers
        Threads.
    """
    n = len(files)
    if n <= ALL_PAIRS:
        return np.stack(np.triu_indices(n, 1), axis=1) if n > 1 else np.zeros((0, 2), dtype=np.intp)
    only = features.replace(
        use_cnn_features=True, use_hog_features=False, use_lbp_features=False, use_sift_features=False,
        use_colour_features=False, use_orb_features=False, custom_blocks=(),
    )  # fmt: skip
    raw = HybridFeatureExtractor(only, workers=workers).extract_raw(files, label="embed")
    return nearest_pairs(raw.blocks["cnn"], NEIGHBOURS)


def nearest_pairs(embedding: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Return the pairs of which one is among the other's k nearest by cosine, (m, 2) with a < b, sorted.

    Parameters
    ----------
    embedding
        float32 (n, d).
    k
        Neighbours of each.
    """
    n = len(embedding)
    k = min(k, n - 1)
    if k < 1:
        return np.zeros((0, 2), dtype=np.intp)
    unit = embedding / np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), 1e-12)
    rows = max(1, _BLOCK // n)
    keys = []
    for start in range(0, n, rows):
        likeness = unit[start : start + rows] @ unit.T
        own = np.arange(len(likeness))
        likeness[own, start + own] = -np.inf
        near = np.argpartition(-likeness, k - 1, axis=1)[:, :k].ravel()
        self_ = np.repeat(start + own, k)
        keys.append(np.minimum(self_, near) * n + np.maximum(self_, near))
    a, b = np.divmod(np.unique(np.concatenate(keys)), n)
    return np.stack([a, b], axis=1)
