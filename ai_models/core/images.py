"""The one way from bytes to pixels: sniffed, bounded before decoding, turned by EXIF, RGB uint8.

Every part (inspector, trainer, service) reads images here, so that what is trained on is what is served.

Conversion to RGB
-----------------
* EXIF orientation is applied (JPEG, PNG, WebP, TIFF); a damaged EXIF block counts as none.
* 16-bit grey is divided by 65,535; 32-bit whole numbers and floats are scaled by the image's own range.
  Pillow itself keeps the upper byte of 16-bit colour.
* CMYK, YCbCr, LA and palettes go through Pillow's conversions; Adobe's inverted CMYK JPEGs are handled by Pillow.
* Alpha is composited over white; an animation or a file of many pages gives its first picture.
* ICC profiles are not applied: small photographs are nearly all sRGB, and a profile is a way in for hostile data.
* With a target size, JPEGs are decoded at the nearest larger DCT scale (Pillow `draft`); that changes pixels a little,
  so training and service ask for the same size.

Threads may decode at once: no setting of Pillow or of the `warnings` module is touched. Pillow's plugins are opened
directly, for `Image.open` warns of large images before they can be refused here, and what they are given is stripped
of metadata first (`ai_models.core.formats`).
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import io
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, ImageFile, features

from ai_models.core.errors import ImageError
from ai_models.core.folders import leads_out, other_files, walk_images
from ai_models.core.formats import EXTENSIONS, FORMATS, Stripped, Verdict, sniff, strip
from ai_models.core.headers import HEAD, declared_size
from ai_models.core.pixels import PLUGINS, load, missing_rows, to_rgb
from ai_models.core.provenance import jpeg_quality, read_exif

__all__ = [
    "EXTENSIONS",
    "MAX_BYTES",
    "MAX_PIXELS",
    "READABLE",
    "Probe",
    "RGBImage",
    "Verdict",
    "bound_by_header",
    "decode",
    "decode_for",
    "decoder_id",
    "examine",
    "examine_bytes",
    "leads_out",
    "named",
    "other_files",
    "probe",
    "read_bytes",
    "read_image",
    "refuse_larger",
    "resize",
    "sniff",
    "walk_images",
]

RGBImage = NDArray[np.uint8]
"""An image: uint8 (height, width, 3), channels in the order R, G, B, range 0-255."""

MAX_BYTES = 256 * 2**20
"""Largest file that is read."""
MAX_PIXELS = 67_108_864
"""Largest number of pixels that is decoded: no format takes more than 1 GB for them, WebP at the half of it."""


READABLE = (Verdict.OK, Verdict.WRONG_EXTENSION)


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
    camera
        EXIF make and model, at most 80 printable characters; empty where unknown. As the file says: not to be trusted.
    taken
        EXIF time of the photograph, ``YYYY-MM-DDTHH:MM:SS[.ffffff][+HH:MM]``; empty where absent or impossible.
    jpeg_quality
        Estimated from the quantisation table (see `jpeg_quality`); 0 where not a JPEG or unknown.
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
    camera: str = ""
    taken: str = ""
    jpeg_quality: int = 0

    @property
    def readable(self) -> bool:
        """Whether the image decodes whole."""
        return self.verdict in READABLE


def read_bytes(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> bytes:
    """Read a regular file, never blocking on a pipe and never past the limits.

    A file whose header declares more pixels than the limit is refused before the rest of it is read.

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
        if getattr(error, "errno", None) == errno.ENXIO:
            raise ImageError(Verdict.NOT_A_FILE, "a socket or a device, not a regular file") from None
        raise ImageError(Verdict.UNREADABLE, getattr(error, "strerror", None) or str(error)) from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise ImageError(Verdict.NOT_A_FILE, "a folder, pipe or device, not a regular file")
    with os.fdopen(descriptor, "rb") as stream:
        if status.st_size > max_bytes:
            raise ImageError(Verdict.BOMB, f"{status.st_size:,} bytes, more than the {max_bytes:,} that are read")
        try:
            _bound_by_header(stream, max_pixels)
            data = stream.read(status.st_size + 1)  # asked for more, Python would first take memory for all of it
            if len(data) > status.st_size:  # it grows, or its size is not told
                data += stream.read(max_bytes + 1 - len(data))
        except OSError as error:
            raise ImageError(Verdict.UNREADABLE, error.strerror or str(error)) from error
    if not data:
        raise ImageError(Verdict.EMPTY, "no bytes")
    if len(data) > max_bytes:
        raise ImageError(Verdict.BOMB, f"more than the {max_bytes:,} bytes that are read")
    return data


def bound_by_header(data: bytes, max_pixels: int) -> None:
    """Raise an ImageError where the header of a file in memory declares more pixels; what is no image passes."""
    _bound_by_header(io.BytesIO(data), max_pixels)


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
    return decode_for(data, (size,), max_pixels=max_pixels)[size]


def decode_for(data: bytes, sizes: Iterable[int | None], *, max_pixels: int = MAX_PIXELS) -> dict[int | None, RGBImage]:
    """Decode one file for several squares: size -> exactly what `decode` gives for it.

    A scale that serves several sizes is decoded once, and they share its pixels. Of a photograph that is 448 to 639 or
    896 to 1,279 pixels across, 224 and 320 take two scales: pixels that depended on what else is asked for would make
    the features of one block depend on which other blocks there are.
    """
    stripped, kind = _stripped(data, max_pixels), sniff(data)
    by_scale: dict[tuple[int, int], RGBImage] = {}
    found: dict[int | None, RGBImage] = {}
    try:
        for size in sizes:
            image = _open(stripped, kind, max_pixels)
            if size is not None and image.format == "JPEG":
                image.draft("RGB", (size, size))
            scale = image.size
            if scale not in by_scale:
                load(image)
                _refuse_short(stripped)
                by_scale[scale] = to_rgb(image, stripped.orientation)
            found[size] = by_scale[scale]
    except Exception as error:  # Pillow's plugins raise nearly anything on hostile data
        raise _explain(error, stripped) from error
    return found


def refuse_larger(data: bytes, max_pixels: int) -> None:
    """Raise an ImageError where the header of a file declares more pixels, or cannot be read; decodes nothing."""
    stripped = _stripped(data, max_pixels)
    try:
        _open(stripped, sniff(data), max_pixels)
    except Exception as error:  # as in decode_for
        raise _explain(error, stripped) from error


def read_image(path: str | os.PathLike[str], *, size: int | None = None) -> RGBImage:
    """Read and decode one file; see `read_bytes` and `decode`."""
    return decode(read_bytes(path), size=size)


def resize(image: RGBImage, size: int) -> RGBImage:
    """Bring an image to a square of `size` pixels, the whole picture kept (sides scaled separately).

    Reduction averages areas; enlargement is bicubic. A side is reduced before the other is enlarged.

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
    smaller = (min(width, size), min(height, size))
    if smaller != (width, height):
        image = np.asarray(cv2.resize(image, smaller, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if smaller != (size, size):
        image = np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    return image


def probe(path: str | os.PathLike[str]) -> Probe:
    """Look at a file: read, hash and decode it whole, and say what it is. Never raises for a bad file."""
    return examine(path)[0]


def examine(path: str | os.PathLike[str]) -> tuple[Probe, RGBImage | None]:
    """Look at a file as `probe` does, and return the pixels as well where it is readable (as `decode` gives them)."""
    try:
        data = read_bytes(path)
    except ImageError as error:
        return Probe(Verdict(error.verdict), error.detail, missing_rows=1.0), None
    probe, pixels = examine_bytes(data)
    return named(probe, path), pixels


def examine_bytes(data: bytes) -> tuple[Probe, RGBImage | None]:
    """Look at a file held in memory as `examine` does at one on disk; nothing is known of its name."""
    kind = sniff(data)
    known = Probe(Verdict.OK, format=kind, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    try:
        stripped = _stripped(data, MAX_PIXELS)
    except ImageError as error:
        return _faulty(known, error, missing_rows=1.0), None
    try:
        image = _open(stripped, kind, MAX_PIXELS)
    except Exception as error:  # as in decode_for
        return _faulty(known, _explain(error, stripped), missing_rows=1.0), None
    turned = stripped.orientation > 1
    width, height = image.size if stripped.orientation < 5 else image.size[::-1]
    made = read_exif(stripped.exif)
    known = dataclasses.replace(
        known, mode=image.mode, width=width, height=height, exif_turned=turned, camera=made.camera, taken=made.taken,
        jpeg_quality=jpeg_quality(getattr(image, "quantization", {})),
    )  # fmt: skip
    try:
        load(image)
        _refuse_short(stripped)
        pixels = to_rgb(image, stripped.orientation)
    except Exception as error:  # as in decode_for
        fault = _explain(error, stripped)
    else:
        return known, pixels
    del image  # its memory is needed for the next two
    return _faulty(known, fault, missing_rows=missing_rows(stripped.data, kind)), None


def named(known: Probe, path: str | os.PathLike[str]) -> Probe:
    """Say so where the name of a readable file is of another format than its content."""
    expected, kind = EXTENSIONS.get(Path(os.fspath(path)).suffix.lower()), known.format
    if known.verdict is not Verdict.OK or expected == kind:
        return known
    detail = f"the name says {expected}, the content is {kind}" if expected else f"the content is {kind}"
    return dataclasses.replace(known, verdict=Verdict.WRONG_EXTENSION, detail=detail)


def decoder_id() -> str:
    """Return the versions that decoded pixels depend on; part of every cache key."""
    jpeg = features.version("libjpeg_turbo") or features.version("jpg")
    webp = features.version("webp")
    return f"pillow-{PIL.__version__}/jpeg-{jpeg}/webp-{webp}/opencv-{cv2.__version__}"


# -- inside ------------------------------------------------------------------------------------------------

_CUT_OFF = ("truncated", "not processed", "unexpected end", "buffer is not large enough", "not enough image data")
_TOO_MUCH = ("text chunk", "max_text", "decompressed data too large")
_UNKNOWN = ("conversion from", "unknown pixel mode", "unsupported", "not supported", "not yet supported")


def _bound_by_header(stream: BinaryIO, max_pixels: int) -> None:
    head = stream.read(HEAD)

    def read(at: int, count: int) -> bytes:
        if at + count <= len(head):
            return head[at : at + count]
        if at > MAX_BYTES:
            return b""
        stream.seek(at)
        return stream.read(count)

    kind = sniff(head)
    if kind:
        _bound(declared_size(read, kind), kind, max_pixels)
    stream.seek(0)


def _stripped(data: bytes, max_pixels: int) -> Stripped:
    if not data:
        raise ImageError(Verdict.EMPTY, "no bytes")
    kind = sniff(data)
    if not kind:
        raise ImageError(Verdict.UNSUPPORTED, f"not one of {', '.join(FORMATS)}")
    stripped = strip(data, kind)
    _bound(stripped.size, kind, max_pixels)
    return stripped


def _open(stripped: Stripped, kind: str, max_pixels: int) -> ImageFile.ImageFile:
    image = PLUGINS[kind](io.BytesIO(stripped.data))
    _bound(image.size, kind, max_pixels)
    if min(image.size) < 1:
        raise ImageError(Verdict.CORRUPT, "no pixels")
    return image


def _bound(size: tuple[int, int], kind: str, max_pixels: int) -> None:
    # where a plugin checks sizes by itself, it warns from Pillow's own limit on: refuse before that
    limit = min(max_pixels, Image.MAX_IMAGE_PIXELS or max_pixels) if kind in ("GIF", "TIFF") else max_pixels
    if kind == "WEBP":  # whose decoder takes 16 bytes a pixel
        limit = min(limit, MAX_PIXELS // 2)
    if size[0] * size[1] > limit:
        raise ImageError(Verdict.BOMB, f"{size[0]} x {size[1]} pixels, more than the {limit:,} that are decoded")


def _refuse_short(stripped: Stripped) -> None:
    if stripped.short:  # though its first picture may be whole
        raise ImageError(Verdict.TRUNCATED, "the end of the file is missing")


def _explain(error: Exception, stripped: Stripped) -> ImageError:
    if isinstance(error, ImageError):
        return error
    text = str(error) or type(error).__name__
    if isinstance(error, (Image.DecompressionBombError, MemoryError)) or any(w in text.lower() for w in _TOO_MUCH):
        return ImageError(Verdict.BOMB, text)
    if stripped.short or isinstance(error, EOFError) or any(word in text.lower() for word in _CUT_OFF):
        return ImageError(Verdict.TRUNCATED, text)
    unknown = any(word in text.lower() for word in _UNKNOWN)
    return ImageError(Verdict.UNSUPPORTED if unknown else Verdict.CORRUPT, text)


def _faulty(known: Probe, fault: ImageError, *, missing_rows: float) -> Probe:
    return dataclasses.replace(known, verdict=Verdict(fault.verdict), detail=fault.detail, missing_rows=missing_rows)
