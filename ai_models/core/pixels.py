"""From an opened picture to RGB, a band of rows at a time, so that a large one costs little beyond its decoder.

A decoded picture takes 4 bytes a pixel in Pillow and 3 as an array; bands keep every step between them small.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

__all__ = ["PLUGINS", "load", "missing_rows", "to_rgb"]

PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,  # also of the MPO files of phones, whose first picture is a JPEG
    "PNG": PngImagePlugin.PngImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
}
"""Format -> Pillow's plugin for it."""

_BAND = 2**20  # pixels


def load(image: ImageFile.ImageFile) -> None:
    """Decode the pixels and let go of what the decoder holds beside them."""
    image.load()
    if image.format == "WEBP":
        vars(image).pop("_decoder", None)  # two canvases of 4 bytes a pixel, for an animation's next frame


def to_rgb(image: Image.Image, orientation: int = 1) -> NDArray[np.uint8]:
    """Convert to RGB and turn.

    Parameters
    ----------
    image
        Decoded, of any mode of Pillow's.
    orientation
        EXIF orientation, 1 to 8.

    Returns
    -------
    numpy.ndarray
        uint8 (height, width, 3), contiguous.
    """
    width, height = image.size
    scale = _own_range(image) if image.mode in ("I", "F") else None
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    for top, band in _bands(image):
        rows = _wide(band, scale) if band.mode.startswith("I") or band.mode == "F" else _rgb(band)
        pixels[top : top + band.height] = rows
    return _turned(pixels, orientation)


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    width, height = image.size
    step = max(1, _BAND // width)
    if step >= height:
        yield 0, image
        return
    for top in range(0, height, step):
        yield top, image.crop((0, top, width, min(height, top + step)))


def _rgb(band: Image.Image) -> NDArray[np.uint8]:
    if band.mode == "La":
        band = band.convert("LA")
    if band.mode in ("RGBA", "LA", "PA", "RGBa") or "transparency" in band.info:
        rgba = band.convert("RGBA")
        band = Image.alpha_composite(Image.new("RGBA", rgba.size, (255, 255, 255, 255)), rgba)
    return np.asarray(band if band.mode == "RGB" else band.convert("RGB"), dtype=np.uint8)


def _own_range(image: Image.Image) -> tuple[float, float]:
    """Return the least and the greatest finite value, (0, 1) where there is none."""
    low, high = np.inf, -np.inf
    for _, band in _bands(image):
        values = np.asarray(band).astype(np.float64)
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (low, high) if low <= high else (0.0, 1.0)


def _wide(band: Image.Image, scale: tuple[float, float] | None) -> NDArray[np.uint8]:
    if scale is None:
        grey: NDArray[Any] = (np.asarray(band).astype(np.uint32) * 255 + 32767) // 65535
    else:
        low, high = scale
        values = np.nan_to_num(np.asarray(band).astype(np.float64), nan=low, posinf=high, neginf=low)
        grey = np.rint((values - low) / ((high - low) or 1.0) * 255)
    return grey.astype(np.uint8)[..., None]


def _turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    if orientation > 4:
        pixels = pixels.transpose(1, 0, 2)
    mirrored, flipped = orientation in (2, 3, 6, 7), orientation in (3, 4, 7, 8)
    return np.ascontiguousarray(pixels[:: -1 if flipped else 1, :: -1 if mirrored else 1])


# -- what a damaged file lacks -----------------------------------------------------------------------------


def missing_rows(data: bytes, kind: str) -> float:
    """Return the share of rows that the decoder does not reach, by decoding onto two grounds: what differs was not.

    WebP and progressive JPEG are decoded whole or not at all.
    """
    if kind == "WEBP":
        return 1.0
    try:
        if PLUGINS[kind](io.BytesIO(data)).info.get("progressive"):  # and its coefficients take 8 bytes a pixel
            return 1.0
        first, second = (_decoded_onto(data, kind, ground) for ground in (0, 255))
        return _share_that_differs(first, second)
    except Exception:  # not even the header is whole
        return 1.0


def _share_that_differs(first: Image.Image, second: Image.Image) -> float:
    missing = np.concatenate([_differ(a, b) for (_, a), (_, b) in zip(_bands(first), _bands(second), strict=True)])
    if not missing.any():  # the plugin paints the ground of a transparent GIF: rows wholly of that colour
        colour = _rows(first.crop((0, first.height - 1, *first.size)))[-1, -1]
        missing = np.concatenate([(_rows(band) == colour).all(axis=1) for _, band in _bands(first)])
    return float(missing.mean())


def _rows(band: Image.Image) -> NDArray[Any]:
    return np.asarray(band).reshape(band.height, -1)


def _differ(a: Image.Image, b: Image.Image) -> NDArray[np.bool_]:
    return np.asarray((_rows(a) != _rows(b)).any(axis=1))


def _decoded_onto(data: bytes, kind: str, ground: int) -> Image.Image:
    image = PLUGINS[kind](io.BytesIO(data))
    image.im = Image.new(image.mode, image.size, ground).im
    try:
        image.load()
    except Exception:  # the fault that brought us here; what was decoded before it counts
        image.tile = []
    return image
