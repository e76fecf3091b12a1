"""The one way from bytes to pixels: sniffed, bounded before decoding, turned by EXIF, RGB uint8.

Every part (inspector, trainer, service) reads images here, so that what is trained on is what is served.

Conversion to RGB
-----------------
* EXIF orientation is applied.
* 16-bit and 32-bit grey are scaled by their own full range (65,535; the image's range for floats), not clipped.
* CMYK, YCbCr, LAB and palettes go through Pillow's conversions; Adobe's inverted CMYK JPEGs are handled by Pillow.
* Alpha is composited over white; an animation gives its first frame.
* ICC profiles are not applied: small photographs are nearly all sRGB, and a profile is a way in for hostile data.
* With a target size, JPEGs are decoded at the nearest larger DCT scale (Pillow `draft`), then reduced by area.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError, features

from ai_models.core.errors import ImageError

__all__ = [
    "EXTENSIONS",
    "MAX_BYTES",
    "MAX_PIXELS",
    "READABLE",
    "Probe",
    "RGBImage",
    "Verdict",
    "decode",
    "decoder_id",
    "examine",
    "probe",
    "read_bytes",
    "read_image",
    "resize",
    "sniff",
    "walk_images",
]

RGBImage = NDArray[np.uint8]
"""An image: uint8 (height, width, 3), channels in the order R, G, B, range 0-255."""

MAX_BYTES = 256 * 2**20
"""Largest file that is read."""
MAX_PIXELS = 178_956_970
"""Largest number of pixels that is decoded (Pillow's own bomb limit: 512 MiB of RGB)."""


class Verdict(StrEnum):
    """What a file turned out to be."""

    OK = "ok"
    WRONG_EXTENSION = "wrong_extension"
    """A readable image whose name says another format."""
    EMPTY = "empty"
    TRUNCATED = "truncated"
    """The header is whole, the end of the pixels is missing."""
    CORRUPT = "corrupt"
    """A known format whose content contradicts itself."""
    BOMB = "bomb"
    """More pixels or bytes than the limits."""
    UNSUPPORTED = "unsupported"
    """Not one of the formats read here."""
    NOT_A_FILE = "not_a_file"
    """A folder, pipe, socket or device under an image's name."""
    UNREADABLE = "unreadable"
    """The operating system does not let it be read."""


READABLE = (Verdict.OK, Verdict.WRONG_EXTENSION)

EXTENSIONS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG",
    ".png": "PNG", ".webp": "WEBP", ".bmp": "BMP", ".dib": "BMP",
    ".tif": "TIFF", ".tiff": "TIFF", ".gif": "GIF",
}  # fmt: skip
"""Lower-case extension -> format. A file with another extension is not taken for an image."""
_FORMATS = tuple(sorted(set(EXTENSIONS.values())))


@dataclass(frozen=True, slots=True)
class Probe:
    """What is known of a file after looking at it.

    Attributes
    ----------
    verdict, detail
        The typed verdict and a clause that explains it.
    format, mode
        As Pillow names them (``"JPEG"``, ``"RGB"``); empty where unknown.
    width, height
        Pixels after the EXIF turn; 0 where unknown.
    bytes
        Size of the file.
    sha256
        Of the file's bytes; empty where it could not be read.
    exif_turned
        Whether EXIF asks for a turn or a flip.
    missing_rows
        Share of rows in [0, 1] that could not be decoded (1 where nothing could).
    """

    verdict: Verdict
    detail: str = ""
    format: str = ""
    mode: str = ""
    width: int = 0
    height: int = 0
    bytes: int = 0
    sha256: str = ""
    exif_turned: bool = False
    missing_rows: float = 0.0

    @property
    def readable(self) -> bool:
        """Whether the image decodes whole."""
        return self.verdict in READABLE


def sniff(data: bytes) -> str:
    """Return the format that the first bytes announce, or ``""``."""
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:2] == b"BM":
        return "BMP"
    if data[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return "TIFF"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    return ""


def read_bytes(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> bytes:
    """Read a regular file, never blocking on a pipe and never past the limit.

    Raises
    ------
    ImageError
        With verdict ``not_a_file``, ``unreadable``, ``empty`` or ``bomb``.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except IsADirectoryError:
        raise ImageError(Verdict.NOT_A_FILE, "a folder, not a file") from None
    except (OSError, ValueError) as error:
        raise ImageError(Verdict.UNREADABLE, getattr(error, "strerror", None) or str(error)) from error
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(Verdict.NOT_A_FILE, "a folder, pipe or device, not a regular file")
        if status.st_size > max_bytes:
            raise ImageError(Verdict.BOMB, f"{status.st_size:,} bytes, more than the {max_bytes:,} that are read")
        try:
            data = stream.read(max_bytes + 1)
        except OSError as error:
            raise ImageError(Verdict.UNREADABLE, error.strerror or str(error)) from error
    if not data:
        raise ImageError(Verdict.EMPTY, "no bytes")
    if len(data) > max_bytes:
        raise ImageError(Verdict.BOMB, f"more than the {max_bytes:,} bytes that are read")
    return data


def decode(data: bytes, *, size: int | None = None, max_pixels: int = MAX_PIXELS) -> RGBImage:
    """Decode an image file held in memory.

    Parameters
    ----------
    data
        The whole file.
    size
        Side in pixels of the square that the caller will reduce it to: a JPEG may then be decoded at a smaller
        DCT scale, never below this side. The result is not yet resized (see `resize`).
    max_pixels
        Refuse, from the header alone, what is larger.

    Returns
    -------
    numpy.ndarray
        uint8 (height, width, 3), RGB.

    Raises
    ------
    ImageError
        With the typed verdict.
    """
    image = _open(data, max_pixels)
    try:
        if size is not None and image.format == "JPEG":
            image.draft("RGB", (size, size))
        image.load()
        return _to_rgb(ImageOps.exif_transpose(image))
    except Exception as error:  # Pillow's plugins raise nearly anything on hostile data
        raise _explain(error) from error


def read_image(path: str | os.PathLike[str], *, size: int | None = None) -> RGBImage:
    """Read and decode one file; see `read_bytes` and `decode`."""
    return decode(read_bytes(path), size=size)


def resize(image: RGBImage, size: int) -> RGBImage:
    """Bring an image to a square of `size` pixels, the whole picture kept (sides scaled separately).

    Reduction averages areas; enlargement is bicubic.

    Parameters
    ----------
    image
        uint8 (h, w, 3), RGB.
    size
        Side of the result in pixels.
    """
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    method = cv2.INTER_AREA if height >= size and width >= size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (size, size), interpolation=method), dtype=np.uint8)


def probe(path: str | os.PathLike[str]) -> Probe:
    """Look at a file: read, hash and decode it whole, and say what it is. Never raises for a bad file."""
    return examine(path)[0]


def examine(path: str | os.PathLike[str]) -> tuple[Probe, RGBImage | None]:
    """Look at a file as `probe` does, and return the pixels as well where it is readable (as `decode` gives them)."""
    try:
        data = read_bytes(path)
    except ImageError as error:
        return Probe(Verdict(error.verdict), error.detail, missing_rows=1.0), None
    digest = hashlib.sha256(data).hexdigest()
    known = Probe(Verdict.OK, format=sniff(data), bytes=len(data), sha256=digest)
    try:
        image = _open(data, MAX_PIXELS)
    except ImageError as error:
        return replace(known, verdict=Verdict(error.verdict), detail=error.detail, missing_rows=1.0), None
    turned = _orientation(image) > 1
    width, height = image.size if _orientation(image) < 5 else image.size[::-1]
    known = replace(known, format=image.format or "", mode=image.mode, width=width, height=height, exif_turned=turned)
    try:
        image.load()
        pixels = _to_rgb(ImageOps.exif_transpose(image))
    except Exception as error:  # as in decode
        fault = _explain(error)
        lost = _missing_rows(data, image.size)
        return replace(known, verdict=Verdict(fault.verdict), detail=fault.detail, missing_rows=lost), None
    expected = EXTENSIONS.get(Path(os.fspath(path)).suffix.lower())
    if expected != image.format:
        detail = f"the name says {expected}, the content is {image.format}"
        return replace(known, verdict=Verdict.WRONG_EXTENSION, detail=detail), pixels
    return known, pixels


def decoder_id() -> str:
    """Return the versions that decoded pixels depend on; part of every cache key."""
    jpeg = features.version("libjpeg_turbo") or features.version("jpg")
    return f"pillow-{PIL.__version__}/jpeg-{jpeg}/opencv-{cv2.__version__}"


def walk_images(root: str | os.PathLike[str]) -> Iterator[str]:
    """Yield the POSIX paths, relative to `root` and in sorted order, of everything named like an image.

    Links to folders are followed once each and only below the root, so loops end; links to files are followed;
    hidden names are passed over. Pipes, sockets and folders with an image's name are yielded when they are not
    folders that can be walked, so that a report can name them.
    """
    base = Path(root)
    real_root = os.path.realpath(base)
    seen: set[str] = set()

    def walk(folder: str) -> Iterator[str]:
        real = os.path.realpath(folder)
        if real in seen or not (real == real_root or real.startswith(real_root + os.sep)):
            return
        seen.add(real)
        try:
            entries = sorted(os.scandir(folder), key=lambda e: os.fsencode(e.name))
        except OSError:
            return
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from walk(entry.path)
            elif os.path.splitext(entry.name)[1].lower() in EXTENSIONS:
                yield Path(os.path.relpath(entry.path, base)).as_posix()

    yield from walk(os.fspath(base))


# -- inside ------------------------------------------------------------------------------------------------


def _open(data: bytes, max_pixels: int) -> Image.Image:
    if not data:
        raise ImageError(Verdict.EMPTY, "no bytes")
    if not sniff(data):
        raise ImageError(Verdict.UNSUPPORTED, f"not one of {', '.join(_FORMATS)}")
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise ImageError(Verdict.BOMB, str(error)) from error
    except UnidentifiedImageError as error:
        raise ImageError(
            Verdict.TRUNCATED if len(data) < 64 else Verdict.CORRUPT, "the header cannot be read"
        ) from error
    except Exception as error:  # as in decode
        raise _explain(error) from error
    if image.size[0] * image.size[1] > max_pixels:
        raise ImageError(
            Verdict.BOMB, f"{image.size[0]} x {image.size[1]} pixels, more than the {max_pixels:,} that are decoded"
        )
    if min(image.size) < 1:
        raise ImageError(Verdict.CORRUPT, "no pixels")
    return image


def _explain(error: Exception) -> ImageError:
    if isinstance(error, ImageError):
        return error
    text = str(error) or type(error).__name__
    if isinstance(error, (Image.DecompressionBombError, MemoryError)):
        return ImageError(Verdict.BOMB, text)
    short = any(
        word in text.lower()
        for word in ("truncated", "not processed", "unexpected end", "buffer is not large enough", "eof")
    )
    return ImageError(
        Verdict.TRUNCATED if short or isinstance(error, (EOFError, struct.error)) else Verdict.CORRUPT, text
    )


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # a damaged EXIF block is no reason to refuse the pixels; Pillow then does not turn
        return 1


def _to_rgb(image: Image.Image) -> RGBImage:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _wide_to_rgb(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, rgba)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"), dtype=np.uint8)


def _wide_to_rgb(image: Image.Image) -> RGBImage:
    values = np.asarray(image, dtype=np.float64)
    if image.mode == "F":
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        values = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) / ((high - low) or 1.0)
    else:
        values = np.clip(values, 0, 65535) / 65535
    grey = np.rint(values * 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _missing_rows(data: bytes, size: tuple[int, int]) -> float:
    """Return the share of rows, from the last upwards, that a streaming decoder never filled."""
    parser = ImageFile.Parser()
    try:
        for start in range(0, len(data), 65536):
            parser.feed(data[start : start + 65536])
    except Exception:  # the same fault that brought us here; what was filled before it counts
        pass
    image = parser.image
    if image is None or getattr(image, "_im", None) is None:
        return 1.0
    rows = np.asarray(image.convert("RGB")).reshape(image.size[1], -1).any(axis=1)
    filled = int(np.flatnonzero(rows)[-1]) + 1 if rows.any() else 0
    return 1.0 - filled / size[1]


warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, module=r"PIL\.Image")
