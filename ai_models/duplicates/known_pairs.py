"""What laying one picture over another found, by the content of both: a pair that was tried is not tried again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ai_models.core import images
from ai_models.core.config import canonical_json
from ai_models.duplicates.symmetry import SYMMETRIES
from ai_models.features.cache import FeatureCache

__all__ = ["VERSION", "KnownPairs", "Laid"]

VERSION = 1
"""Raise it whenever keypoints, registration or its evidence come out otherwise."""
_TOGETHER = 20_000  # pairs that are written at once


class Laid(NamedTuple):
    """One picture over another.

    Attributes
    ----------
    transform
        Name of the flip or quarter turn that it comes nearest to.
    inliers
        Local features that agree.
    weight
        Evidence in [0, 1] that both show one object.
    """

    transform: str
    inliers: int
    weight: float


class KnownPairs:
    """Pairs of files, ordered, kept in the feature cache by the SHA-256 of both; threads may `recall` at once.

    Parameters
    ----------
    cache
        None to keep nothing.
    """

    def __init__(self, cache: FeatureCache | None) -> None:
        self._cache = cache
        parts = [VERSION, images.decoder_id()]
        self._key = f"compared.pair-{hashlib.sha256(canonical_json(parts)).hexdigest()[:32]}"
        self._fresh: dict[str, NDArray[np.float64]] = {}

    def recall(self, first: str, others: Sequence[str]) -> dict[str, Laid | None]:
        """Return by second file what is known of the pairs of one file; None where it cannot be laid over the other."""
        if self._cache is None:
            return {}
        keys = {_pair(first, other): other for other in others}
        found = self._cache.get(self._key, list(keys))
        return {keys[key]: _from_row(row) for key, row in found.items()}

    def keep(self, first: str, tried: Mapping[str, Laid | None]) -> None:
        """Keep what was found of pairs; it is written with others, at the latest by `flush`."""
        if self._cache is not None:
            self._fresh.update((_pair(first, other), _to_row(laid)) for other, laid in tried.items())
            if len(self._fresh) >= _TOGETHER:
                self.flush()

    def flush(self) -> None:
        """Write what is to be kept."""
        if self._cache is not None and self._fresh:
            self._cache.put(self._key, list(self._fresh), np.stack(list(self._fresh.values())))
        self._fresh = {}


def _pair(first: str, second: str) -> str:
    return hashlib.sha256(f"{first}/{second}".encode()).hexdigest()


def _to_row(laid: Laid | None) -> NDArray[np.float64]:
    if laid is None:
        return np.full(3, -1.0)
    return np.array([[s.name for s in SYMMETRIES].index(laid.transform), laid.inliers, laid.weight], dtype=np.float64)


def _from_row(row: NDArray[np.float64]) -> Laid | None:
    number, inliers, weight = row.tolist()
    return None if number < 0 else Laid(SYMMETRIES[int(number)].name, int(inliers), float(weight))
