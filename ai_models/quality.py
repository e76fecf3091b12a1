"""How good a photograph is: blur, exposure, contrast and resolution in [0, 1], and one score of 100.

The maps from measurement to score were set on two thousand real photographs so that one in a thousand fails the
normal levels, while a Gaussian blur of 1.5 % of the long side, a tenth of the light, a washed-out copy and a
32-pixel image fail.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.core.images import RGBImage
from ai_models.core.quality_levels import NORMAL, QUALITY_COLUMNS, STRICT, fault_words

__all__ = ["NORMAL", "STRICT", "QualityScores", "assess", "failures", "quality_row"]

_SIDE = 256  # the variance of the Laplacian depends on the scale, so it is taken at one
_BLUR = (0.003, 0.3)  # variance of the Laplacian over variance of the image: hopeless, sharp
_SHADOW = (30.0, 120.0)  # 95th percentile of grey: black, well lit
_HIGHLIGHT = (20.0, 90.0)  # distance of the 5th percentile from white: burnt out, well lit
_CONTRAST = (0.0, 180.0)  # grey levels between the 1st and the 99th percentile
_RESOLUTION = (16.0, 512.0)  # short side in pixels, on a logarithmic scale
_WEIGHTS = {"blur": 0.4, "brightness": 0.2, "contrast": 0.2, "resolution": 0.2}


@dataclass(frozen=True, slots=True)
class QualityScores:
    """What was found of one image; 1 is good.

    Attributes
    ----------
    blur
        In [0, 1]; 1 = sharp. Variance of the Laplacian (Pech-Pacheco et al., ICPR 2000) at a long side of at most
        256 pixels, over the variance of the image so that contrast does not count, on a logarithmic scale.
    brightness
        In [0, 1]; low when even the lightest parts are dark or even the darkest are light. A black or white
        background alone lowers nothing.
    contrast
        In [0, 1]; grey levels between the 1st and the 99th percentile.
    resolution
        In [0, 1]; short side of the original, 0 at 16 pixels and 1 from 512, logarithmic.
    overall
        In [0, 100]; weighted geometric mean, so that what is useless in one respect is useless.
    overexposed
        Whether brightness is limited by too much light rather than too little.
    """

    blur: float
    brightness: float
    contrast: float
    resolution: float
    overall: float
    overexposed: bool = False


def assess(image: RGBImage, *, width: int | None = None, height: int | None = None) -> QualityScores:
    """Score one image.

    Parameters
    ----------
    image
        uint8 (h, w, 3), RGB.
    width, height
        Size of the original in pixels, where `image` was reduced from it.
    """
    grey = _normalised_grey(image)
    p1, p5, p95, p99 = _percentiles(grey, (0.01, 0.05, 0.95, 0.99))
    sharpness = float(cv2.Laplacian(grey, cv2.CV_32F).var()) / (float(grey.var()) + 1.0)
    shadow, highlight = _ramp(p95, _SHADOW), _ramp(255.0 - p5, _HIGHLIGHT)
    short = min(width or image.shape[1], height or image.shape[0])
    scores = {
        "blur": _log_ramp(sharpness, _BLUR),
        "brightness": min(shadow, highlight),
        "contrast": _ramp(p99 - p1, _CONTRAST),
        "resolution": _log_ramp(short, _RESOLUTION),
    }
    overall = 100.0 * math.prod(scores[name] ** weight for name, weight in _WEIGHTS.items())
    return QualityScores(**scores, overall=overall, overexposed=highlight < shadow)


def quality_row(image: RGBImage, side: int) -> NDArray[np.float32]:
    """Return the quality of an image as a row of numbers, float32 (5,), in the order of `QUALITY_COLUMNS`.

    Parameters
    ----------
    image
        uint8 (h, w, 3), RGB, perhaps reduced from a larger one.
    side
        Pixels below which no side was reduced: beyond them the size of the original is not known, nor needed.
    """
    height, width = image.shape[:2]
    scores = assess(image, width=min(width, side), height=min(height, side))
    return np.array([getattr(scores, name) for name in QUALITY_COLUMNS], dtype=np.float32)


def failures(scores: QualityScores, *, strict: bool = False) -> tuple[str, ...]:
    """Return why an image does not pass, such as ``"blurred (0.12 < 0.30)"``; empty when it passes.

    Parameters
    ----------
    scores
        What `assess` returned.
    strict
        Judge by `STRICT` instead of `NORMAL`.
    """
    levels = STRICT if strict else NORMAL
    return tuple(
        f"{fault_words(name, overexposed=scores.overexposed)} ({getattr(scores, name):.2f} < {level:.2f})"
        for name, level in levels.items()
        if getattr(scores, name) < level
    )


def _normalised_grey(image: RGBImage) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = _SIDE / max(height, width)
    if scale < 1:  # reduce first: a third of the work, and the grey of a mean is the mean of the greys
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _percentiles(grey: NDArray[np.uint8], shares: tuple[float, ...]) -> list[float]:
    reached = np.cumsum(np.bincount(grey.ravel(), minlength=256))
    return [float(np.searchsorted(reached, share * reached[-1])) for share in shares]


def _ramp(value: float, ends: tuple[float, float]) -> float:
    low, high = ends
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _log_ramp(value: float, ends: tuple[float, float]) -> float:
    return _ramp(math.log(value), (math.log(ends[0]), math.log(ends[1]))) if value > 0 else 0.0
