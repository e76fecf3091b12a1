"""Where the background of a photograph is, if it has one colour: joined to the frame, and coloured like the frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.core.images import RGBImage

__all__ = ["Background", "find_background"]

_SIDE = 256  # pixels of the longer side at which it is sought, whatever the size of the photograph
_FRAME = 0.08  # of each side
_CELL = 10  # side of the cells of Lab among which the most frequent colour is sought
_ONE_COLOUR = 0.4  # share of the frame that must have it or lie beside it
_REACH = 4.0  # standard deviations of the background
_LEAST_SPREAD = 4.0  # of a channel, so that a flat background keeps its noise
_COLOURFUL = 25.0  # distance from grey in (a, b) from which a shadow on the background keeps a hue to be known by
_SHADOW = (0.3, 1.2)  # brightness of a shadow or a bright spot, of the background's
_SHADOW_ANGLE = np.cos(np.deg2rad(7.0))  # between the RGB colours of both
_SHARES = (0.1, 0.9)  # of the picture that may be background
_SPECK = 0.005  # of the picture: what is smaller and stands alone is no object
_ONE_OBJECT = 0.6  # share of what is not background that must hang together


@dataclass(frozen=True)
class Background:
    """Where a background is.

    Attributes
    ----------
    share
        float32 (h, w) in [0, 1]: how much of each pixel is background; soft at the object's edge.
    colour
        uint8 (3,), RGB: its mean colour.
    """

    share: NDArray[np.float32]
    colour: NDArray[np.uint8]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Bool (h, w): where a pixel is mostly background."""
        return np.asarray(self.share >= 0.5, dtype=np.bool_)


def find_background(image: RGBImage) -> Background | None:
    """Find a background of one colour.

    A robust Gaussian in CIE Lab about the most frequent colour of the outermost 8 % says which pixels have the
    background's colour; a background with a hue is also known in its own shadow, by the direction of its RGB colour.
    Of these pixels those that are joined to the frame are the background, and specks that they surround.

    Parameters
    ----------
    image
        uint8 (h, w, 3), RGB, at least 8 pixels a side.

    Returns
    -------
    Background or None
        None where the frame has no such colour, the background would be less than a tenth or more than nine tenths
        of the picture, or what is left is in several parts.
    """
    height, width = image.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    smooth = np.asarray(cv2.GaussianBlur(small, (5, 5), 0), dtype=np.uint8)
    near = _coloured_like_the_frame(smooth)
    if near is None:
        return None
    found = _without_specks(_joined_to_the_frame(near))
    if not (_SHARES[0] <= found.mean() <= _SHARES[1]) or not _one_object(~found):
        return None
    colour = np.rint(small[found].mean(axis=0)).astype(np.uint8)
    wide = cv2.dilate(found.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    soft = cv2.GaussianBlur(wide, (0, 0), 0.8)
    share = np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    return Background(np.clip(share, 0.0, 1.0), colour)


def _coloured_like_the_frame(smooth: RGBImage) -> NDArray[np.bool_] | None:
    lab = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB).astype(np.float64)
    pixels = lab[_frame(lab.shape[:2])]
    cells, of_pixel, counts = np.unique(
        pixels.astype(np.int64) // _CELL, axis=0, return_inverse=True, return_counts=True
    )
    beside = (np.abs(cells - cells[counts.argmax()]) <= 1).all(axis=1)
    kept = pixels[beside[of_pixel.reshape(-1)]]
    if len(kept) < _ONE_COLOUR * len(pixels):
        return None
    centre = kept.mean(axis=0)
    inverse = np.linalg.inv(np.cov(kept.T) + np.diag([_LEAST_SPREAD**2 / 4] * 3))
    off = lab - centre
    near = (off @ inverse * off).sum(axis=2) <= _REACH**2
    if np.hypot(*(centre[1:] - 128.0)) >= _COLOURFUL:
        near |= _in_its_shadow(smooth, centre)
    return np.asarray(near, dtype=np.bool_)


def _in_its_shadow(smooth: RGBImage, centre: NDArray[np.float64]) -> NDArray[np.bool_]:
    one = np.rint(centre).astype(np.uint8)[None, None]
    colour = cv2.cvtColor(one, cv2.COLOR_LAB2RGB)[0, 0].astype(np.float64)
    values = smooth.astype(np.float64)
    length = np.maximum(np.linalg.norm(values, axis=2), 1.0)
    bright = length / np.linalg.norm(colour)
    cosine = (values @ colour) / (length * np.linalg.norm(colour))
    return np.asarray((cosine >= _SHADOW_ANGLE) & (bright >= _SHADOW[0]) & (bright <= _SHADOW[1]), dtype=np.bool_)


def _joined_to_the_frame(near: NDArray[np.bool_]) -> NDArray[np.bool_]:
    _, parts = cv2.connectedComponents(near.astype(np.uint8), connectivity=4)
    return np.isin(parts, np.setdiff1d(parts[_frame(near.shape)], 0))


def _without_specks(found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    _, parts, stats, _ = cv2.connectedComponentsWithStats((~found).astype(np.uint8), connectivity=8)
    specks = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < _SPECK * found.size)
    return found | np.isin(parts, specks[specks > 0])


def _one_object(rest: NDArray[np.bool_]) -> bool:
    _, _, stats, _ = cv2.connectedComponentsWithStats(rest.astype(np.uint8), connectivity=8)
    return bool(stats[1:, cv2.CC_STAT_AREA].max(initial=0) >= _ONE_OBJECT * rest.sum())


def _frame(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    height, width = shape[:2]
    deep, wide = max(1, round(height * _FRAME)), max(1, round(width * _FRAME))
    frame = np.ones((height, width), dtype=np.bool_)
    frame[deep:-deep, wide:-wide] = False
    return frame
