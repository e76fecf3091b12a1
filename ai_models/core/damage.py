"""How much of a cut-off image file is still there."""

from __future__ import annotations

import io
import zlib

import numpy as np
from PIL import Image

__all__ = ["missing_rows"]

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # PNG colour type -> samples a pixel


def missing_rows(data: bytes, size: tuple[int, int], image_format: str) -> float:
    """Return the share of rows in [0, 1], from the last upwards, that were lost when the file was cut off.

    Known for JPEG and for PNG without interlace; 1 elsewhere. A progressive JPEG that lost its later passes holds
    every row, coarsely, and has lost none.

    Parameters
    ----------
    data
        The bytes that there are.
    size
        Width and height in pixels as stored.
    image_format
        As Pillow names it.
    """
    try:
        if image_format == "JPEG":
            return _jpeg(data, size[1])
        return _png(data, size[1]) if image_format == "PNG" else 1.0
    except Exception:  # too little is left even for this, or the file is damaged before its end
        return 1.0


def _jpeg(data: bytes, height: int) -> float:
    """Close the stream where it breaks off: libjpeg leaves blocks without data at zero coefficients, middle grey."""
    with Image.open(io.BytesIO(data + b"\xff\xd9"), formats=("JPEG",)) as image:
        pixels = np.asarray(image)
    held = np.flatnonzero((pixels != 128).reshape(height, -1).any(axis=1))
    return 1.0 - (int(held[-1]) + 1) / height if held.size else 1.0


def _png(data: bytes, height: int) -> float:
    """Inflate what there is of the pixel data and compare its length with what the header promises."""
    width, depth, colour, interlaced = int.from_bytes(data[16:20], "big"), data[24], data[25], data[28]
    if interlaced:
        return 1.0
    inflater, held, at = zlib.decompressobj(), 0, 8
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IDAT":
            held += len(inflater.decompress(data[at + 8 : at + 8 + length]))
        at += length + 12
    row = 1 + (width * depth * _SAMPLES[colour] + 7) // 8
    return 1.0 - min(height, held // row) / height
