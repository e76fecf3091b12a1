"""Optional repair of pixels before features, the same in training and service: the bundle carries its settings.

Off by default; worth keeping only where grouped cross-validation says that it helps.
"""

from __future__ import annotations

import cv2
import numpy as np

from ai_models.core.images import RGBImage
from ai_models.core.settings import PreprocessConfig

__all__ = ["clahe", "denoise", "middle", "preprocess", "unsharp_mask", "white_balance"]

_LARGEST_GAIN = 4.0  # a channel that is nearly absent is noise: it is not blown up further


def preprocess(image: RGBImage, config: PreprocessConfig) -> RGBImage:
    """Take the middle that is to be looked at, and apply the preset of a configuration.

    ``none`` returns the same array; ``basic`` is white balance, then CLAHE; ``artifact`` is white balance,
    denoising, CLAHE, then unsharp mask (noise is taken out before contrast and edges are raised).

    Parameters
    ----------
    image
        uint8 (h, w, 3), RGB.
    config
        The preset and the strength of each step.

    Returns
    -------
    numpy.ndarray
        uint8 (h, w, 3), RGB.
    """
    image = middle(image, config.middle)
    if config.preset == "none":
        return image
    image = white_balance(image)
    if config.preset == "basic":
        return clahe(image, config.clahe_clip)
    image = denoise(image, config.denoise_strength)
    return unsharp_mask(clahe(image, config.clahe_clip), config.unsharp_radius)


def middle(image: RGBImage, share: float) -> RGBImage:
    """Return the middle of uint8 (h, w, 3), `share` of each side, at least a pixel; the image itself for 1."""
    if share >= 1:
        return image
    height, width = (max(1, round(share * side)) for side in image.shape[:2])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def white_balance(image: RGBImage) -> RGBImage:
    """Scale the channels so that their means agree (the grey-world assumption; Buchsbaum, 1980).

    Gains are at most 4, so that an image without one of the primaries does not turn to noise.
    """
    means = np.array(cv2.mean(image)[:3])
    gains = np.minimum(means.mean() / np.maximum(means, 1e-6), _LARGEST_GAIN)
    levels = np.arange(256)[:, None] * gains
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)[None]
    return np.asarray(cv2.LUT(image, table), dtype=np.uint8)


def clahe(image: RGBImage, clip: float = 2.0) -> RGBImage:
    """Equalise the lightness locally: CLAHE (Zuiderveld, 1994) on L of CIE LAB, 8 x 8 tiles.

    Parameters
    ----------
    image
        uint8 (h, w, 3), RGB.
    clip
        OpenCV's clip limit: the slope of the mapping, in multiples of a flat histogram.
    """
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    lightness = np.ascontiguousarray(lab[..., 0])
    lab[..., 0] = cv2.createCLAHE(clipLimit=clip, tileGridSize=(8, 8)).apply(lightness)
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), dtype=np.uint8)


def denoise(image: RGBImage, strength: float = 10.0) -> RGBImage:
    """Remove noise by fast non-local means (Buades, Coll and Morel, 2005; patch 7, window 21).

    Parameters
    ----------
    image
        uint8 (h, w, 3), RGB.
    strength
        ``h`` for lightness and colour alike; larger removes more noise and more detail.
    """
    swapped = np.ascontiguousarray(image[..., ::-1])  # OpenCV's colour form splits lightness from BGR
    cleaned = cv2.fastNlMeansDenoisingColored(swapped, None, strength, strength, 7, 21)
    return np.ascontiguousarray(cleaned[..., ::-1], dtype=np.uint8)


def unsharp_mask(image: RGBImage, radius: float = 1.0) -> RGBImage:
    """Add to each pixel its difference from a Gaussian blur.

    Parameters
    ----------
    image
        uint8 (h, w, 3), RGB.
    radius
        Standard deviation of the blur in pixels.
    """
    values = image.astype(np.float32)
    blurred = cv2.GaussianBlur(values, (0, 0), radius, borderType=cv2.BORDER_REFLECT)
    return np.asarray(np.clip(np.rint(2.0 * values - blurred), 0, 255), dtype=np.uint8)
