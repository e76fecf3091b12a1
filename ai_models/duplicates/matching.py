"""Near duplicates: candidates from a cosine hash under the eight symmetries, then a look at the aligned thumbnails.

The hash is the sign of each low DCT coefficient (Zauner, "Implementation and benchmarking of perceptual image hash
functions", 2010, with a threshold of zero instead of the median, so that every symmetry is an exact change of signs
and a transpose of one spectrum). It only proposes. What decides is how much of the fine detail agrees once the
candidate is turned: over the whole picture, and in the worst of 16 tiles, so that different objects before one
background stay apart. The levels are measured ones, see `benchmarks/duplicates.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.duplicates.fingerprint import FREQUENCIES, SIDE, Fingerprint
from ai_models.duplicates.symmetry import SYMMETRIES, Symmetry

__all__ = ["MAX_BITS", "MIN_AGREEMENT", "MIN_TILE_AGREEMENT", "Match", "agreement", "hash_bits", "near_matches"]

BITS = FREQUENCIES * FREQUENCIES - 1
MAX_BITS = 48
"""Most differing bits of 255 for a candidate."""
MIN_AGREEMENT = 0.84
"""Least agreement of detail over the whole picture."""
MIN_TILE_AGREEMENT = 0.45
"""Least agreement of detail in the worst tile."""

_BLUR = 4.0  # px of 64: detail is what is finer than this
_FLAT = 2.0  # grey levels: detail weaker than this proves nothing
_ROUNDING = 0.45  # grey levels of detail that may be nothing but rounding
_TILE_NOISE = 5.0  # grey levels that compression alone puts into a tile
_TILES = 4
_ROWS, _COLUMNS = 512, 8192  # of one product of hashes
_PAIR = 256 * len(SYMMETRIES)  # what one pair spans in the keys that sort candidates
_MANY = 20_000  # candidates of one block beyond which those already joined are passed over


class Prints(Protocol):
    """Fingerprints by number: a list, or something that reads them from disk."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Fingerprint: ...


@dataclass(frozen=True, slots=True)
class Match:
    """Two images that show one picture.

    Attributes
    ----------
    a, b
        Indices, a < b.
    symmetry
        What turns `a` into `b`.
    agreement
        Share of the detail that agrees, in (0, 1].
    """

    a: int
    b: int
    symmetry: Symmetry
    agreement: float


def hash_bits(spectra: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Return the signs of the coefficients without the mean, shape (..., k, k) -> (..., k * k - 1)."""
    return (spectra > 0).reshape(*spectra.shape[:-2], -1)[..., 1:]


def agreement(a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how much of the detail of aligned pairs agrees: over all, and in the worst tile.

    Both are 2<a, b> / (|a|^2 + |b|^2), 1 for equal detail and about 0 for unrelated; a floor in the denominator
    keeps flat pictures from agreeing, a floor on both sides of the tile's keeps flat tiles from disagreeing.

    Parameters
    ----------
    a, b
        float32 (n, SIDE, SIDE), detail as `detail` gives it.

    Returns
    -------
    tuple
        Two float64 arrays of shape (n,).
    """
    side = SIDE // _TILES
    tiled = (-1, _TILES, side, _TILES, side)
    product = (a * b).reshape(tiled).sum(axis=(2, 4), dtype=np.float64)
    energy = (a * a + b * b).reshape(tiled).sum(axis=(2, 4), dtype=np.float64)
    whole = 2 * product.sum(axis=(1, 2)) / (energy.sum(axis=(1, 2)) + 2 * SIDE**2 * _ROUNDING**2)
    floor = 2 * side**2 * _TILE_NOISE**2
    worst = ((2 * product + floor) / (energy + floor)).min(axis=(1, 2))
    inside = (slice(None), slice(8, -8), slice(8, -8))  # at the border a mere ramp has "detail"
    flat = (a[inside].std(axis=(1, 2)) < _FLAT) | (b[inside].std(axis=(1, 2)) < _FLAT)
    return np.where(flat, 0.0, whole), worst


def detail(thumbnail: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what of a thumbnail is finer than its layout: grey less its blur, float32 (SIDE, SIDE)."""
    grey = thumbnail.astype(np.float32)
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), _BLUR), dtype=np.float32)


def near_matches(prints: Prints) -> list[Match]:
    """Return the pairs that show one picture, also flipped, turned, re-encoded or scaled.

    Time is quadratic in a matrix product (about ten seconds for 20,000 images on two cores), memory is linear.
    In folders where very many pictures are alike, pairs that are already joined through others may be left out:
    the groups that follow are the same.

    Parameters
    ----------
    prints
        n fingerprints.

    Returns
    -------
    list of Match
        In the order of (a, b).
    """
    joined = np.arange(len(prints))
    found: list[Match] = []
    for a, b, which in _candidates(prints):
        rows = np.arange(len(a))
        while len(rows):
            if len(a) > _MANY:
                rows = rows[joined[a[rows]] != joined[b[rows]]]
            part, rows = rows[:4096], rows[4096:]
            for match in _verified(prints, a[part], b[part], which[part]):
                found.append(match)
                if joined[match.a] != joined[match.b]:
                    joined[joined == joined[match.b]] = joined[match.a]
    return sorted(found, key=lambda m: (m.a, m.b))


def _candidates(
    prints: Prints,
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]]:
    """Yield (a, b, number of the symmetry) with a < b whose hashes are near, block by block."""
    if len(prints) < 2:
        return
    spectra = np.stack([prints[i].signs for i in range(len(prints))])
    for start in range(0, len(prints), _ROWS):
        turned = [_signs(symmetry.on_spectra(spectra[start : start + _ROWS])) for symmetry in SYMMETRIES]
        for left in range(start, len(prints), _COLUMNS):
            others = _signs(spectra[left : left + _COLUMNS]).T
            keys = [_near(block @ others, number) for number, block in enumerate(turned)]
            key = np.sort(np.concatenate(keys))
            pair, which = key // _PAIR, key % len(SYMMETRIES)
            first = np.ones(len(pair), dtype=bool)  # of a pair's symmetries the nearest stands first
            first[1:] = pair[1:] != pair[:-1]
            a, b = np.divmod(pair[first], others.shape[1])
            a, b = a + start, b + left
            keep = a < b
            yield a[keep], b[keep], which[first][keep]


def _signs(spectra: NDArray[np.int8]) -> NDArray[np.float32]:
    return np.where(hash_bits(spectra), np.float32(1), np.float32(-1))


def _near(product: NDArray[np.float32], number: int) -> NDArray[np.int64]:
    """Return a key for each near pair of hashes that sorts by row, column, differing bits, number of the symmetry."""
    pair = np.flatnonzero(product >= BITS - 2 * MAX_BITS)
    bits = ((BITS - product.ravel()[pair]) / 2).astype(np.int64)
    return np.asarray(pair * _PAIR + bits * len(SYMMETRIES) + number)


def _verified(prints: Prints, a: NDArray[np.intp], b: NDArray[np.intp], which: NDArray[np.intp]) -> Iterator[Match]:
    for start in range(0, len(a), 256):
        rows = range(start, min(start + 256, len(a)))
        fine = {i: detail(prints[i].thumbnail) for i in {*a[rows].tolist(), *b[rows].tolist()}}
        first = np.stack([SYMMETRIES[which[i]].on_pixels(fine[a[i]]) for i in rows])
        second = np.stack([fine[b[i]] for i in rows])
        whole, worst = agreement(first, second)
        for i, share, tile in zip(rows, whole, worst, strict=True):
            if share >= MIN_AGREEMENT and tile >= MIN_TILE_AGREEMENT:
                yield Match(int(a[i]), int(b[i]), SYMMETRIES[which[i]], float(min(share, 1.0)))
