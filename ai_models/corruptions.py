"""What files, lenses, sensors, light, hands and tripods do to a photograph, each at five strengths in physical units.

Unlike the transforms of augmentation a corruption has a stated strength, so that a curve can be drawn over it.
After Hendrycks and Dietterich, *Benchmarking neural network robustness to common corruptions* (ICLR 2019), with
strengths in units that can be looked up instead of bare severities.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from ai_models.core.errors import ConfigError
from ai_models.core.images import RGBImage, decode
from ai_models.core.rng import generator

__all__ = ["CORRUPTIONS", "SEVERITIES", "Corruption", "corrupted"]

SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Corruption:
    """One way in which photographs go bad.

    Attributes
    ----------
    name
        What reports call it.
    unit
        What `strengths` are measured in.
    strengths
        Five, from mild to hardly bearable.
    function
        ``(image, strength, rng) -> image``, uint8 (h, w, 3) each, of one shape.
    """

    name: str
    unit: str
    strengths: tuple[float, float, float, float, float]
    function: Callable[[RGBImage, float, np.random.Generator], RGBImage]

    def __call__(self, image: RGBImage, severity: int, rng: np.random.Generator) -> RGBImage:
        """Return uint8 (h, w, 3) RGB at a severity from 1 to 5."""
        return self.function(image, self.strengths[severity - 1], rng)


def corrupted(image: RGBImage, name: str, severity: int, *, seed: int, sha256: str) -> RGBImage:
    """Return an image corrupted in a way that depends on its content, the seed, the kind and the severity alone.

    Parameters
    ----------
    image
        uint8 (h, w, 3), RGB; left as it is.
    name
        One of `CORRUPTIONS`.
    severity
        From 1 to 5.
    seed
        The run's seed.
    sha256
        Hash of the photograph's file.

    Raises
    ------
    ConfigError
        For an unknown name or severity.
    """
    if name not in CORRUPTIONS or severity not in SEVERITIES:
        names = ", ".join(CORRUPTIONS)
        raise ConfigError([f"a corruption must be one of {names} at a severity of 1 to 5, got {name!r} at {severity}"])
    return CORRUPTIONS[name](image, severity, generator(seed, "corruption", sha256, name, severity))


def _jpeg(image: RGBImage, quality: float, _rng: np.random.Generator) -> RGBImage:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=int(quality))
    return decode(stream.getvalue())


def _blur(image: RGBImage, percent: float, _rng: np.random.Generator) -> RGBImage:
    sigma = percent / 100 * min(image.shape[:2])
    return _u8(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101))


def _noise(image: RGBImage, sigma: float, rng: np.random.Generator) -> RGBImage:
    return _u8(image + sigma * rng.standard_normal(image.shape))


def _brightness(image: RGBImage, stops: float, rng: np.random.Generator) -> RGBImage:
    """Expose longer or shorter, by chance: the light of each pixel is multiplied, and clipped where it is too much."""
    factor = 2.0 ** (stops * (1 if rng.random() < 0.5 else -1))
    levels = np.arange(256) / 255.0
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4) * factor
    back = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 1e-12) ** (1 / 2.4) - 0.055)
    return _u8(cv2.LUT(image, _u8(255.0 * back)))


def _occlusion(image: RGBImage, percent: float, rng: np.random.Generator) -> RGBImage:
    """Lay a rectangle of one colour somewhere over the picture."""
    height, width = image.shape[:2]
    share, ratio = percent / 100, math.exp(rng.uniform(-0.5, 0.5))
    h = min(height, max(1, round(height * math.sqrt(share * ratio))))
    w = min(width, max(1, round(height * width * share / h)))
    top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    covered = image.copy()
    covered[top : top + h, left : left + w] = rng.integers(0, 256, size=3)
    return covered


def _rotation(image: RGBImage, degrees: float, rng: np.random.Generator) -> RGBImage:
    """Turn clockwise or counter-clockwise, by chance, about the middle; the corners are filled by reflection."""
    height, width = image.shape[:2]
    angle = degrees * (1 if rng.random() < 0.5 else -1)
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
    return _u8(
        cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    )


def _u8(values: object) -> RGBImage:
    return np.ascontiguousarray(np.clip(np.rint(np.asarray(values)), 0, 255), dtype=np.uint8)


CORRUPTIONS: dict[str, Corruption] = {
    c.name: c
    for c in (
        Corruption("jpeg", "JPEG quality (libjpeg)", (60, 40, 25, 15, 8), _jpeg),
        Corruption("blur", "blur, sigma in % of the short side", (0.4, 0.8, 1.3, 2.0, 3.0), _blur),
        Corruption("noise", "noise, sd in grey levels of 255", (8, 16, 26, 40, 60), _noise),
        Corruption("brightness", "exposure, stops over or under", (0.5, 1.0, 1.5, 2.0, 3.0), _brightness),
        Corruption("occlusion", "covered, % of the area", (5, 10, 20, 30, 45), _occlusion),
        Corruption("rotation", "turned, degrees", (5, 10, 20, 30, 45), _rotation),
    )
}
"""Name -> corruption."""
