"""The outermost frame of a picture in 78 bytes: what the background looks like where no object should be."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.core.images import RGBImage

__all__ = ["FRAME_BYTES", "describe_frame", "frame_matrix"]

_SHARE = 0.08  # of each side
_ALONG, _ACROSS = 32, 4  # pixels that each side of the frame is reduced to
_SPOTS = 4  # mean colours along each side
_BINS = 8
_PARTS = (6, 3 * _BINS, 4 * _SPOTS * 3)  # moments, histograms, spots
FRAME_BYTES = sum(_PARTS)
"""Length of a description."""


def describe_frame(image: RGBImage) -> bytes:
    """Describe the outermost 8 % of a picture at each side.

    Parameters
    ----------
    image
        uint8 (h, w, 3), RGB.

    Returns
    -------
    bytes
        78 numbers from 0 to 255: mean and standard deviation of each CIE Lab channel; the square root of its histogram
        of 8 bins; the mean Lab colour of four stretches along each of the four sides (top, bottom, left, right).
    """
    height, width = image.shape[:2]
    deep, wide = max(1, round(height * _SHARE)), max(1, round(width * _SHARE))
    flat = [_reduced(image[:deep]), _reduced(image[-deep:])]
    flat += [_reduced(np.swapaxes(image[:, :wide], 0, 1)), _reduced(np.swapaxes(image[:, -wide:], 0, 1))]
    lab = cv2.cvtColor(np.concatenate(flat), cv2.COLOR_RGB2LAB)
    pixels = lab.reshape(-1, 3)
    moments = np.concatenate([pixels.mean(axis=0), 2 * pixels.std(axis=0)])
    counts = np.stack([np.bincount(pixels[:, c] >> 5, minlength=_BINS) for c in range(3)])
    histograms = 255 * np.sqrt(counts / len(pixels))
    spots = lab.reshape(4, _ACROSS, _SPOTS, _ALONG // _SPOTS, 3).mean(axis=(1, 3))
    values = np.concatenate([moments, histograms.ravel(), spots.ravel()])
    return bytes(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def frame_matrix(frames: list[bytes]) -> NDArray[np.float64]:
    """Return descriptions as float64 (n, 78), each of the three parts scaled to a total variance of 1 over the rows."""
    table = np.frombuffer(b"".join(frames), dtype=np.uint8).reshape(len(frames), FRAME_BYTES).astype(np.float64)
    table -= table.mean(axis=0)
    parts = np.split(table, np.cumsum(_PARTS)[:-1], axis=1)
    return np.hstack([part / max(float(np.sqrt(part.var(axis=0).sum())), 1e-12) for part in parts])


def _reduced(strip: RGBImage) -> RGBImage:
    return np.asarray(
        cv2.resize(np.ascontiguousarray(strip), (_ALONG, _ACROSS), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )
