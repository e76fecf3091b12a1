"""Which pairs are worth laying over one another: all of a small folder, the nearest by embedding of a large one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_models.core.settings import FeatureConfig
from ai_models.features import HybridFeatureExtractor

__all__ = ["ALL_PAIRS", "ROUNDS", "candidate_rounds", "nearest_pairs"]

ALL_PAIRS = 200
"""Photographs up to which every pair is compared: a matter of seconds, and nothing is missed."""
ROUNDS = (1, 3, 8)
"""In a larger folder: each photograph is compared with its nearest by embedding, then with further ones up to these."""
_BLOCK = 2**22  # products held at once


def candidate_rounds(files: Sequence[Path], *, features: FeatureConfig, workers: int) -> list[NDArray[np.intp]]:
    """Return the pairs to compare, round after round, each (m, 2) with a < b, sorted.

    The nearest come first, so that what they join need not be compared again.

    The stages of the network come with the same pass, so that with a cache training finds them too.

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
        return [np.stack(np.triu_indices(n, 1), axis=1)] if n > 1 else []
    stages = features.use_stages_features and features.cache_features
    only = features.with_networks("cnn").with_blocks(*("cnn", "stages")[: 1 + stages])
    raw = HybridFeatureExtractor(only, workers=workers).extract_raw(files, label="embed")
    return nearest_pairs(raw.blocks.pop("cnn"), ROUNDS)


def nearest_pairs(embedding: NDArray[np.float32], ranks: Sequence[int]) -> list[NDArray[np.intp]]:
    """Return the pairs of which one is among the other's nearest by cosine.

    Parameters
    ----------
    embedding
        float32 (n, d); scaled in place to unit length.
    ranks
        Last rank of each round, rising: (1, 3) for the nearest, then the second and third.

    Returns
    -------
    list of ndarray
        One a round, (m, 2) with a < b, sorted; no pair stands in two.
    """
    n = len(embedding)
    k = min(ranks[-1], n - 1)
    if k < 1:
        return []
    unit = embedding  # scaled where it stands: of a large folder it is the largest thing in memory
    unit /= np.maximum(np.sqrt(np.einsum("ij,ij->i", unit, unit)), 1e-12)[:, None]
    rows = max(1, _BLOCK // n)
    near = np.empty((n, k), dtype=np.int64)
    for start in range(0, n, rows):
        likeness = unit[start : start + rows] @ unit.T
        own = np.arange(len(likeness))
        likeness[own, start + own] = -np.inf
        best = np.argpartition(-likeness, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(likeness, best, axis=1), axis=1, kind="stable")
        near[start : start + rows] = np.take_along_axis(best, order, axis=1)
    self_ = np.arange(n)[:, None]
    keys = np.minimum(self_, near) * n + np.maximum(self_, near)
    rounds, seen = [], np.zeros(0, dtype=np.int64)
    for first, last in zip((0, *ranks), ranks, strict=False):
        new = np.setdiff1d(keys[:, first:last], seen)
        seen = np.union1d(seen, new)
        rounds.append(np.stack(np.divmod(new, n), axis=1))
    return rounds
