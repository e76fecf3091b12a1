"""SIFT descriptors (Lowe, IJCV 2004) on a fixed grid, all at once: binning is linear, so a grid is two matrix products.

A keypoint that stands upright adds up gradients with weights that are a product of one factor for rows and one for
columns: a triangle around each of four bins times half of a Gaussian. The weights of every point of a grid are
therefore one matrix A (points and bins, pixels), and the histograms of an orientation are A M Aᵀ for the picture M
of the gradients that point there.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Grid", "dense_sift"]

BINS = 4
"""Spatial bins a side of a descriptor."""
ORIENTATIONS = 8
_BLUR = float(np.sqrt(1.6**2 - 0.5**2))  # what brings a photograph, itself blurred by half a pixel, to Lowe's scale
_CLIP, _SCALE = 0.2, 512.0
_FLAT = 0.01  # length below which a descriptor is rounding: one grey level of difference anywhere within gives more


class Grid:
    """Points of a square picture at which descriptors are taken.

    Parameters
    ----------
    side
        Of the picture, in pixels.
    step
        Pixels between points, the first at half a step.
    bin_width
        Width of a spatial bin in pixels; OpenCV's is 1.5 times a keypoint's size.
    """

    def __init__(self, side: int, step: int, bin_width: float) -> None:
        self.side = side
        points = np.rint(np.arange(step / 2, side, step))  # to whole pixels, halves to even, as OpenCV does
        self.points = len(points)
        away = (np.arange(side) - points[:, None]) / bin_width
        centres = np.arange(BINS) - (BINS - 1) / 2
        triangle = np.maximum(0, 1 - np.abs(away[:, None, :] - centres[:, None]))
        weights = triangle * np.exp(-(away**2) * 2 / BINS**2)[:, None, :]
        weights[..., [0, -1]] = 0  # pixels of the border have no gradient
        self.weights = weights.reshape(-1, side).astype(np.float32)
        self.pixel = (np.arange(side)[:, None] * ORIENTATIONS * side + np.arange(side)).astype(np.int32)


@lru_cache(maxsize=8)
def grid(side: int, step: int, bin_width: float) -> Grid:
    """Return a grid; made once."""
    return Grid(side, step, bin_width)


def dense_sift(grey: NDArray[np.uint8], where: Grid) -> NDArray[np.uint8]:
    """Return the descriptors of a grid, as OpenCV's SIFT gives them for upright keypoints, within one unit.

    Parameters
    ----------
    grey
        uint8 (s, s), s the grid's side.
    where
        The grid.

    Returns
    -------
    numpy.ndarray
        uint8 (points², 128), points row by row; of a point bins row by row, orientations innermost; 512 times a vector
        of length 1, 0 where there is no gradient (there OpenCV enlarges what rounding left).
    """
    count, width = where.points, where.points * BINS
    maps = _gradients_by_orientation(grey, where).reshape(where.side, -1)
    histograms = (where.weights @ maps).reshape(-1, where.side) @ where.weights.T
    rows = histograms.reshape(count, BINS, ORIENTATIONS, count, BINS).transpose(0, 3, 1, 4, 2)
    return _as_bytes(np.ascontiguousarray(rows).reshape(count * count, width // count * BINS * ORIENTATIONS))


def _gradients_by_orientation(grey: NDArray[np.uint8], where: Grid) -> NDArray[np.float32]:
    """Return gradient magnitudes, shared between the two nearest orientations: float32 (side, 8, side)."""
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _BLUR)
    right = np.zeros_like(smooth)
    up = np.zeros_like(smooth)
    np.subtract(smooth[:, 2:], smooth[:, :-2], out=right[:, 1:-1])
    np.subtract(smooth[:-2], smooth[2:], out=up[1:-1])
    magnitude, angle = cv2.cartToPolar(right, up, angleInDegrees=True)
    place = angle * np.float32(ORIENTATIONS / 360)
    nearest = place.astype(np.int32)
    upper = magnitude * (place - nearest)
    shared = np.zeros((where.side, ORIENTATIONS, where.side), dtype=np.float32)
    flat = shared.ravel()
    flat[where.pixel + (nearest % ORIENTATIONS) * where.side] = magnitude - upper
    flat[where.pixel + ((nearest + 1) % ORIENTATIONS) * where.side] = upper
    return shared


def _as_bytes(rows: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Bring rows to length 1, cut what one direction may weigh, bring them to length 512 and round."""
    whole = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    clipped = np.minimum(rows, _CLIP * whole)
    length = np.sqrt(np.einsum("ij,ij->i", clipped, clipped))[:, None]
    scale = np.where(whole < _FLAT, 0, _SCALE / np.maximum(length, _FLAT / 10))
    return np.asarray(np.rint(np.minimum(clipped * scale, 255)), dtype=np.uint8)
