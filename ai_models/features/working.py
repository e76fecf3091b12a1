"""From a file or an image to the squares that blocks see, and to the quality of the photograph."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ai_models.core import images
from ai_models.core.images import RGBImage
from ai_models.core.settings import PreprocessConfig
from ai_models.preprocessing import preprocess
from ai_models.quality import quality_row

__all__ = ["seen", "working_image", "working_images"]


def working_image(item: bytes | RGBImage, size: int, config: PreprocessConfig) -> RGBImage:
    """Return the image that blocks of one size see: uint8 (size, size, 3), RGB; see `working_images`."""
    return working_images(item, (size,), config)[size]


def working_images(item: bytes | RGBImage, sizes: Iterable[int], config: PreprocessConfig) -> dict[int, RGBImage]:
    """Return what blocks see of an image by the side of their square: uint8 (size, size, 3), RGB.

    Each comes from the image itself, none from another; what several sizes share is decoded and preprocessed once.

    Raises
    ------
    ImageError
        When bytes cannot be decoded.
    """
    return seen(item, sizes, config, None)[0]


def seen(
    item: bytes | RGBImage, sizes: Iterable[int], config: PreprocessConfig, quality_side: int | None
) -> tuple[dict[int, RGBImage], NDArray[np.float32] | None]:
    """Return the working images, and the quality of the photograph as decoded for squares of `quality_side`, if any."""
    wanted = tuple(sizes)
    every = tuple(dict.fromkeys((*wanted, quality_side) if quality_side else wanted))
    decoded = images.decode_for(item, every) if isinstance(item, bytes) else dict.fromkeys(every, item)
    prepared: dict[int, RGBImage] = {}
    for size in wanted:
        if id(decoded[size]) not in prepared:
            prepared[id(decoded[size])] = preprocess(decoded[size], config)
    squares = {size: images.resize(prepared[id(decoded[size])], size) for size in wanted}
    return squares, quality_row(decoded[quality_side], quality_side) if quality_side else None
