"""Whether one photograph can be laid over another, and how far the two agree where they overlap.

Two photographs of one object can be registered: many of their local features agree, under one homography. So can two
pieces from one mould, and two objects on one floor. What tells them apart is (1) the share of the features that agree,
and (2) the fine detail, compared tile by tile: the grain of the clay differs, or there is another thing in the middle.
The evidence of a pair is the geometric mean of both, near 1 for the same picture and near 0 for different things.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.duplicates.keypoints import Keypoints, mirrored, normalised

__all__ = ["LEAST_INLIERS", "Registration", "agreement", "evidence", "register"]

LEAST_INLIERS = 8
"""Fewest features that must agree."""

_BY_CHANCE = 6  # features that agree under some homography in pictures of different things
_RATIO = 0.9  # of the distances to the nearest and the second nearest feature (Lowe, 2004)
_REACH = 4.0  # pixels of the working image within which features agree
_ENOUGH = 12  # agreeing features from which perspective is estimated, not only a similarity
_CLEAR = 0.3  # share of agreeing features at which the mirror image is not tried
_LARGEST_SCALE = 5.0
_LEAST_OVERLAP = 0.5  # of the smaller picture
_FINE, _COARSE = 0.8, 3.0  # px; detail is what lies between these blurs
_SHARP = 200.0  # px of the longer side from which fine detail is the grain of the thing
_NOISE = 0.5  # grey levels squared of detail that is nothing but rounding
_GRID = 8
_WORST = 0.2  # share of the tiles, by weight, that may agree less than what counts


@dataclass(frozen=True, slots=True)
class Registration:
    """How one working image lies over another.

    Attributes
    ----------
    inliers
        Local features that agree.
    share
        Of the features that both pictures could show (geometric mean of the two counts, so that a small picture with
        few features proves less), less what agrees by chance; in (0, 1].
    homography
        float64 (3, 3), from the first picture (mirrored first, where that is said) to the second.
    mirrored
        Whether the first picture had to be mirrored.
    """

    inliers: int
    share: float
    homography: NDArray[np.float64]
    mirrored: bool


def register(a: Keypoints, b: Keypoints) -> Registration | None:
    """Lay one picture over another, mirrored or not; None where fewer than `LEAST_INLIERS` features agree."""
    if min(len(a.points), len(b.points)) < LEAST_INLIERS:
        return None
    known = normalised(b.descriptors)
    best: Registration | None = None
    for flip in (False, True):
        first = mirrored(a) if flip else a
        matched = _matches(normalised(first.descriptors), known)
        found = _homography(first.points[matched[:, 0]], b.points[matched[:, 1]])
        if found is None or (best is not None and found[0] <= best.inliers):
            continue
        count, homography = found
        best = Registration(count, _share(count, homography, first, b), homography, flip)
        if best.share >= _CLEAR:  # so many do not agree with the mirror image as well
            break
    return best


def evidence(registration: Registration, a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Return the evidence in [0, 1] that two registered working images show one object.

    A picture too small to show grain proves less: what agrees in it is the shape, which a mould gives to every piece.
    """
    seen = min(1.0, min(max(a.shape), max(b.shape)) / _SHARP)
    return float(seen * math.sqrt(registration.share * max(0.0, agreement(registration, a, b))))


def agreement(registration: Registration, a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Return how far the fine detail of two registered pictures agrees, in [-1, 1].

    The correlation in each of 8 x 8 tiles of the overlap; of these the lower fifth by weight, where a tile weighs
    what the more detailed of the two pictures holds there. So plain ground does not count, and an object where the
    other picture has ground does.

    Parameters
    ----------
    registration
        Of `a` to `b`.
    a, b
        uint8 (h, w), working images.
    """
    height, width = b.shape
    first = np.ascontiguousarray(a[:, ::-1] if registration.mirrored else a)
    H = registration.homography
    inside = cv2.warpPerspective(np.full_like(first, 255), H, (width, height), flags=cv2.INTER_NEAREST) > 0
    if inside.sum() < _LEAST_OVERLAP * min(height * width, abs(float(np.linalg.det(H[:2, :2]))) * a.size):
        return 0.0
    mask = cv2.erode(inside.astype(np.uint8), np.ones((7, 7), np.uint8), borderValue=0).astype(np.float32)
    over = cv2.warpPerspective(first, H, (width, height), flags=cv2.INTER_CUBIC)
    one, two = _detail(over) * mask, _detail(b) * mask
    area = _tiles(mask)
    seen = area > 0.4 * height * width / _GRID**2
    if seen.sum() < _GRID:
        return 0.0
    n = area[seen]
    var_1, var_2 = _tiles(one * one)[seen] / n, _tiles(two * two)[seen] / n
    agree = _tiles(one * two)[seen] / n / np.sqrt((var_1 + _NOISE) * (var_2 + _NOISE))
    weight = np.sqrt(np.maximum(var_1 / (var_1.mean() + _NOISE), var_2 / (var_2.mean() + _NOISE)))
    return _weighted_quantile(agree, weight, _WORST)


def _matches(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return pairs of unit descriptors that are each other's nearest, and clearly nearer than the next: (m, 2)."""
    product = a @ b.T
    forth, back = product.argmax(axis=1), product.argmax(axis=0)
    rows = np.flatnonzero(back[forth] == np.arange(len(forth)))
    columns = forth[rows]
    near = product[rows]
    nearest = near[np.arange(len(rows)), columns].copy()
    near[np.arange(len(rows)), columns] = -1.0
    clear = (1.0 - nearest) < _RATIO**2 * (1.0 - near.max(axis=1))  # squared distances of unit vectors, halved
    return np.stack([rows[clear], columns[clear]], axis=1)


def _homography(a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[int, NDArray[np.float64]] | None:
    """Return how many points agree under one homography, and it; None where too few do or it is no photograph's."""
    if len(a) < LEAST_INLIERS:
        return None
    similar, inside = cv2.estimateAffinePartial2D(
        a, b, method=cv2.RANSAC, ransacReprojThreshold=_REACH, maxIters=300, confidence=0.995
    )
    if similar is None:
        return None
    count, H = int(inside.sum()), np.vstack([similar, [0.0, 0.0, 1.0]])
    if count >= _ENOUGH:
        general, inside = cv2.findHomography(a, b, cv2.USAC_MAGSAC, _REACH, maxIters=500)
        if general is not None and inside.sum() >= count and _plausible(general, a):
            count, H = int(inside.sum()), general
    return (count, H) if count >= LEAST_INLIERS and _plausible(H, a) else None


def _plausible(H: NDArray[np.float64], points: NDArray[np.float32]) -> bool:
    """Whether the area around the points keeps its sense of turning and is not scaled beyond reason."""
    low, high = points.min(axis=0), points.max(axis=0) + 1
    corners = np.array([[low, [high[0], low[1]], high, [low[0], high[1]]]], dtype=np.float64)
    depth = corners[0] @ H[2, :2] + H[2, 2]
    if not np.isfinite(H).all() or (depth <= 1e-6).any():
        return False
    moved = cv2.perspectiveTransform(corners, H)[0]
    side = np.roll(moved, -1, axis=0) - moved
    after = np.roll(side, -1, axis=0)
    turns = side[:, 0] * after[:, 1] - side[:, 1] * after[:, 0]  # the shape stays convex, and not mirrored
    area = float(np.prod(high - low))
    scale = cv2.contourArea(moved.astype(np.float32)) / area
    return bool((turns > 0).all() and 1 / _LARGEST_SCALE**2 < scale < _LARGEST_SCALE**2)


def _share(count: int, H: NDArray[np.float64], a: Keypoints, b: Keypoints) -> float:
    back = np.linalg.inv(H).astype(np.float64)
    seen = _falling_inside(a.points, H, b.size) * _falling_inside(b.points, back, a.size)
    return min(1.0, (count - _BY_CHANCE) / max(math.sqrt(seen) - _BY_CHANCE, 1.0))


def _falling_inside(points: NDArray[np.float32], H: NDArray[np.float64], size: tuple[int, int]) -> int:
    moved = cv2.perspectiveTransform(points[None].astype(np.float64), H)[0]
    return int(((moved >= 0) & (moved < size)).all(axis=1).sum())


def _detail(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    fine = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _FINE)
    return np.asarray(fine - cv2.GaussianBlur(fine, (0, 0), _COARSE), dtype=np.float32)


def _tiles(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the sums over 8 x 8 tiles."""
    rows, columns = (np.linspace(0, n, _GRID, endpoint=False).astype(int) for n in values.shape)
    return np.asarray(np.add.reduceat(np.add.reduceat(values.astype(np.float64), rows, axis=0), columns, axis=1))


def _weighted_quantile(values: NDArray[np.float64], weights: NDArray[np.float64], share: float) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, share * reached[-1])])
