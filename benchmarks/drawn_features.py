"""Features of photographs that do not exist: blocks of the sizes, signs and spreads that real ones have.

Every photograph is a point among latent directions of falling variance: its class, its object, and what differs from
shot to shot. Each block sees these directions through a random map of its own, so that blocks agree in part, as they
do in life. Nothing is drawn from any photograph.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.quality_levels import QUALITY_COLUMNS
from ai_models.core.records import ImageRecord, Manifest
from ai_models.core.rng import generator
from ai_models.features import RawFeatures

__all__ = ["DrawnFolder", "draw_folder"]

LATENT = 48
SHOTS = 1.5
"""Photographs an object, on average."""
CLASSES_APART, OBJECTS_APART, SHOTS_APART = 0.45, 1.0, 0.6
WIDTHS = {"cnn": 1280, "stages": 1488, "hog": 6084, "lbp": 1003, "colour": 145}
POINTS, WORDS = 260, 48


@dataclass(frozen=True)
class DrawnFolder:
    """Rows that no file stands behind, and their features.

    Attributes
    ----------
    manifest
        One row a photograph, neither split nor in folds.
    raw
        Features in the order of its rows.
    """

    manifest: Manifest
    raw: RawFeatures


def draw_folder(n: int, classes: int = 8, seed: int = 0) -> DrawnFolder:
    """Draw a folder of n photographs.

    Parameters
    ----------
    n
        Photographs.
    classes
        Classes; the largest is three times the smallest.
    seed
        Equal seeds give equal folders.
    """
    rng = generator(seed, "drawn folder", n, classes)
    shares = np.linspace(3, 1, classes)
    objects = np.repeat(np.arange(int(np.ceil(n / SHOTS))), rng.poisson(SHOTS - 1, int(np.ceil(n / SHOTS))) + 1)[:n]
    objects = np.concatenate([objects, np.arange(n - len(objects)) + len(objects)])  # always n rows
    kind = rng.choice(classes, objects.max() + 1, p=shares / shares.sum())
    falling = 1.0 / np.sqrt(np.arange(1, LATENT + 1))
    z = CLASSES_APART * rng.normal(size=(classes, LATENT))[kind[objects]]
    z += OBJECTS_APART * rng.normal(size=(objects.max() + 1, LATENT))[objects]
    z = (z + SHOTS_APART * rng.normal(size=(n, LATENT))) * falling
    blocks: dict[str, NDArray[Any]] = {name: _dense(z, width, rng) for name, width in WIDTHS.items()}
    blocks["sift"] = _descriptors(z, rng)
    order = ("cnn", "stages", "hog", "lbp", "sift", "colour")
    rows = tuple(
        ImageRecord(f"kind {kind[o]}/{i:05d}.jpg", label=f"kind {kind[o]}", group=f"object {o}")
        for i, o in enumerate(objects.tolist())
    )
    quality = np.abs(rng.normal(1.0, 0.2, (n, len(QUALITY_COLUMNS)))).astype(np.float32)
    return DrawnFolder(Manifest(Path("drawn"), rows), RawFeatures({b: blocks[b] for b in order}, {}, quality))


def _dense(z: NDArray[np.float64], width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return float32 (n, width): rectified mixtures of the directions with noise of their own, as activations are."""
    seen = np.sort(rng.permutation(z.shape[1])[: z.shape[1] * 2 // 3])
    mixed = z[:, seen].astype(np.float32) @ rng.normal(size=(len(seen), width)).astype(np.float32)
    own = 0.7 * rng.standard_normal((len(z), width), dtype=np.float32)
    centre = rng.exponential(1.0, width).astype(np.float32)
    return np.asarray(np.maximum(centre + mixed / mixed.std() + own, 0.0), dtype=np.float32)


def _descriptors(z: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return uint8 (n, 260, 128): each point shows one of a few patterns, how often is what tells photographs apart."""
    patterns = rng.gamma(0.3, 70.0, (WORDS, 128)).astype(np.float32)
    odds = np.exp(z @ rng.normal(size=(z.shape[1], WORDS)) * 0.5)
    cumulative = np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1)
    out = np.empty((len(z), POINTS, 128), dtype=np.uint8)
    for row, share in enumerate(cumulative):
        word = np.minimum(np.searchsorted(share, rng.random(POINTS)), WORDS - 1)
        out[row] = np.clip(patterns[word] * rng.gamma(4.0, 0.25, (POINTS, 128)), 0, 255)
    return out
