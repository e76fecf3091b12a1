"""What a file claims to be, and what of it reaches the decoder: headers walked, metadata left out, orientation read.

Only what pixels need is handed to Pillow. EXIF, ICC, XMP, previews, animation tables and private tags are ways in for
hostile data, and parsing them makes Pillow warn, which a host application may have turned into errors. So nothing
here needs a warning filter, which would be a setting of the whole process.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

from PIL import TiffTags

from ai_models.core.errors import ImageError
from ai_models.core.headers import webp_size

__all__ = ["EXTENSIONS", "FORMATS", "Stripped", "Verdict", "sniff", "strip"]


class Verdict(StrEnum):
    """What a file turned out to be."""

    OK = "ok"
    WRONG_EXTENSION = "wrong_extension"
    """A readable image whose name says another format."""
    EMPTY = "empty"
    TRUNCATED = "truncated"
    """The end of the file is missing."""
    CORRUPT = "corrupt"
    """A known format whose content contradicts itself."""
    BOMB = "bomb"
    """More pixels or bytes than the limits."""
    UNSUPPORTED = "unsupported"
    """Not one of the formats, or a variant of one, that is read here."""
    NOT_A_FILE = "not_a_file"
    """A folder, pipe, socket or device under an image's name."""
    UNREADABLE = "unreadable"
    """The operating system does not let it be read."""


EXTENSIONS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG",
    ".png": "PNG", ".webp": "WEBP", ".bmp": "BMP", ".dib": "BMP",
    ".tif": "TIFF", ".tiff": "TIFF", ".gif": "GIF",
}  # fmt: skip
"""Lower-case extension -> format. A file with another extension is not taken for an image."""
FORMATS = tuple(sorted(set(EXTENSIONS.values())))


class Stripped(NamedTuple):
    """A file reduced to what its pixels need.

    Attributes
    ----------
    data
        The bytes for the decoder.
    orientation
        EXIF orientation, 1 to 8; 1 where there is none or the block is damaged.
    size
        (width, height) where decoders allocate before they tell; (0, 0) otherwise.
    short
        Whether the file promises more bytes than it has.
    exif
        The EXIF block as found, or the TIFF; never looked at by the decoder.
    """

    data: bytes
    orientation: int = 1
    size: tuple[int, int] = (0, 0)
    short: bool = False
    exif: bytes = b""


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


def strip(data: bytes, kind: str) -> Stripped:
    """Walk the header of a file of a format and leave out what pixels do not need.

    Raises
    ------
    ImageError
        ``truncated`` when the header does not end, ``corrupt`` when it contradicts itself, ``unsupported`` where
        it is of a variant that is not read.
    """
    try:
        return _WALKERS[kind](data)
    except (struct.error, IndexError, OverflowError) as error:  # offsets of 64 bits may not fit an index
        raise ImageError(Verdict.TRUNCATED, "the header is cut off") from error


# -- JPEG: segments up to the scan -------------------------------------------------------------------------

_NEEDED_APPS = (0xE0, 0xEE)  # JFIF, and Adobe's, which says how colours are coded
_STANDALONE = (0x01, *range(0xD0, 0xD8))


def _jpeg(data: bytes) -> Stripped:
    kept, orientation, exif, at = [data[:2]], 0, b"", 2
    while True:
        while data[at] != 0xFF or data[at + 1] in (0x00, 0xFF):  # fill bytes and junk between segments
            at += 1
        marker = data[at + 1]
        if marker == 0xDA:
            short = data.rfind(b"\xff\xd9", at) < 0
            return Stripped(b"".join([*kept, data[at:]]), orientation or 1, short=short, exif=exif)
        if marker == 0xD9:
            raise ImageError(Verdict.CORRUPT, "the image ends before its pixels begin")
        if marker in _STANDALONE:
            at += 2
            continue
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if end > len(data):
            raise ImageError(Verdict.TRUNCATED, "the header is cut off")
        if marker == 0xE1 and not orientation and data[at + 4 : at + 10] == b"Exif\x00\x00":
            exif = data[at + 10 : end]
            orientation = _exif_orientation(exif)
        if marker < 0xE0 or marker in _NEEDED_APPS:
            kept.append(data[at:end])
        at = max(end, at + 4)


# -- PNG: chunks -------------------------------------------------------------------------------------------

# text stays, so that Pillow's limits on what it unpacks to are applied; animation, profiles and EXIF go
_NEEDED_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"tEXt", b"zTXt", b"iTXt")


def _png(data: bytes) -> Stripped:
    if len(data) < 33:
        raise ImageError(Verdict.TRUNCATED, "the header is cut off")
    kept, exif, at = [data[:8]], b"", 8
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        if name == b"eXIf":
            exif = data[at + 8 : end - 4]
        if name in _NEEDED_CHUNKS:
            kept.append(data[at:end])
        at = end
        if name == b"IEND":
            return Stripped(b"".join(kept), _exif_orientation(exif), exif=exif)
    return Stripped(b"".join([*kept, data[at:]]), _exif_orientation(exif), short=True, exif=exif)


# -- WebP: RIFF chunks -------------------------------------------------------------------------------------


def _webp(data: bytes) -> Stripped:
    promised = 8 + struct.unpack_from("<I", data, 4)[0]
    if promised > len(data):
        raise ImageError(Verdict.TRUNCATED, f"{len(data):,} of {promised:,} bytes")
    exif = b""
    for name, start, end in _riff_chunks(data):
        if name == b"EXIF":
            exif = data[start:end]
    return Stripped(data, _exif_orientation(exif), webp_size(data[:30]), exif=exif)


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    at = 12
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        yield name, at + 8, at + 8 + length
        at += 8 + length + length % 2


# -- GIF: blocks up to the first picture -------------------------------------------------------------------


def _gif(data: bytes) -> Stripped:
    """Keep the first picture and its graphic control; of the others only whether they are there counts."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + _gif_colours(flags)
    kept, control = data[:at], b""
    while data[at] != 0x2C:
        if data[at] == 0x3B:
            raise ImageError(Verdict.CORRUPT, "no picture")
        end = _gif_blocks_end(data, at + 2) if data[at] == 0x21 else at + 1
        if data[at : at + 3] == b"\x21\xf9\x04":
            control = data[at:end]
        at = end
    left, top, w, h, flags = struct.unpack_from("<HHHHB", data, at + 1)
    size = (max(width, left + w), max(height, top + h))
    try:
        end = _gif_blocks_end(data, at + 11 + _gif_colours(flags))
    except IndexError:
        return Stripped(kept + control + data[at:], size=size, short=True)
    return Stripped(kept + control + data[at:end] + b";", size=size, short=not _gif_ends(data, end))


def _gif_colours(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _gif_blocks_end(data: bytes, at: int) -> int:
    while data[at]:
        at += 1 + data[at]
    return at + 1


def _gif_ends(data: bytes, at: int) -> bool:
    """Return whether the pictures that follow are whole."""
    try:
        while data[at] != 0x3B:
            if data[at] == 0x21:
                at = _gif_blocks_end(data, at + 2)
            elif data[at] == 0x2C:
                at = _gif_blocks_end(data, at + 11 + _gif_colours(data[at + 9]))
            else:
                at += 1
    except IndexError:
        return False
    return True


_RUNS = 2**22  # pixels, and bytes, of a run-length coded BMP: Pillow decodes it in Python, two seconds for as many


def _bmp(data: bytes) -> Stripped:
    if len(data) < 26:
        raise ImageError(Verdict.TRUNCATED, "the header is cut off")
    if len(data) >= 34 and int.from_bytes(data[14:18], "little") >= 40 and data[30:34] in (b"\1\0\0\0", b"\2\0\0\0"):
        width, height = struct.unpack_from("<Ii", data, 18)
        if width > 2**15 or width * abs(height) > _RUNS or len(data) > _RUNS:
            raise ImageError(Verdict.BOMB, f"run-length coded, more than {_RUNS:,} pixels or bytes")
    return Stripped(data)


# -- TIFF: the first directory -----------------------------------------------------------------------------

_UNITS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_NEEDED_TAGS = frozenset(
    (256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325, 338, 339, 347)
    + tuple(range(512, 522))  # JPEG within TIFF, of the old kind
    + (529, 530, 531, 532)
)
_ORIENTATION, _PRIVATE = 0x0112, 65000


def _tiff(data: bytes) -> Stripped:
    """Turn every tag that pixels do not need into a private byte, in a copy, and end after the first directory."""
    order = "<" if data[:2] == b"II" else ">"
    big = 43 in data[2:4]
    if big and order == ">":  # Pillow takes its directory for one of the small kind, and warns of what it finds
        raise ImageError(Verdict.UNSUPPORTED, "a big-endian BigTIFF")
    word, unit, entry = ("Q", "HHQ", 20) if big else ("I", "HHI", 12)
    start = struct.unpack_from(order + word, data, 8 if big else 4)[0]
    count = struct.unpack_from(order + ("Q" if big else "H"), data, start)[0]
    at = start + (8 if big else 2)
    if at + count * entry + struct.calcsize(word) > len(data):
        raise ImageError(Verdict.TRUNCATED, "the directory of tags lies behind the end")
    patched, orientation, total = bytearray(data[at : at + count * entry]), 1, 0
    values: dict[int, tuple[int, ...]] = {}
    read = _TiffReader(data, order, word)
    for position in range(at, at + count * entry, entry):
        tag, kind, n = struct.unpack_from(order + unit, data, position)
        where = position + struct.calcsize(order + unit)
        if tag == _ORIENTATION and kind == 3 and n:
            orientation = struct.unpack_from(order + "H", data, where)[0]
        if tag not in _NEEDED_TAGS or kind not in _UNITS:
            struct.pack_into(order + unit, patched, position - at, _PRIVATE, 1, 1)
            continue
        values[tag], size = read.values(where, kind, n)
        total += size
        if total > len(data) or (n > 1 and kind not in (1, 2, 7) and TiffTags.lookup(tag).length == 1):
            raise ImageError(Verdict.CORRUPT, f"tag {tag} holds more values than it can")
    patched += bytes(struct.calcsize(word))  # no next directory
    _refuse_tiff_variants(values)
    orientation = orientation if 1 <= orientation <= 8 else 1
    whole = memoryview(data)  # a large file is copied once, not twice
    patched_file = b"".join((whole[:at], patched, whole[at + len(patched) :]))
    return Stripped(patched_file, orientation, _tiff_tile(values), _tiff_short(values, len(data)), data)


# none, CCITT, LZW, JPEG of both kinds, deflate of both kinds, PackBits; decoders of others may be absent, and complain
_COMPRESSIONS = frozenset((1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32946))
_MOST_SAMPLES = 6


def _refuse_tiff_variants(values: dict[int, tuple[int, ...]]) -> None:
    compression, samples = (*values.get(259, ()), 1)[0], (*values.get(277, ()), 1)[0]
    if compression not in _COMPRESSIONS:
        raise ImageError(Verdict.UNSUPPORTED, f"a TIFF of compression {compression}")
    if samples > _MOST_SAMPLES:
        raise ImageError(Verdict.UNSUPPORTED, f"a TIFF of {samples} samples a pixel")


class _TiffReader(NamedTuple):
    """The values of tags, wherever they lie."""

    data: bytes
    order: str
    word: str

    def values(self, where: int, kind: int, n: int) -> tuple[tuple[int, ...], int]:
        """Return the whole numbers of an entry (nothing for other kinds) and how many bytes they take elsewhere."""
        size = _UNITS[kind] * n
        elsewhere = size > struct.calcsize(self.order + self.word)
        if elsewhere:
            where = struct.unpack_from(self.order + self.word, self.data, where)[0]
        if where + size > len(self.data):
            raise ImageError(Verdict.TRUNCATED, "a tag's values lie behind the end")
        letter = {3: "H", 4: "I", 16: "Q"}.get(kind)
        values = struct.unpack_from(f"{self.order}{n}{letter}", self.data, where) if letter else ()
        return values, size if elsewhere else 0


def _tiff_tile(values: dict[int, tuple[int, ...]]) -> tuple[int, int]:
    width, height = values.get(322), values.get(323)
    return (width[0], height[0]) if width and height else (0, 0)


def _tiff_short(values: dict[int, tuple[int, ...]], length: int) -> bool:
    for offsets, counts in ((273, 279), (324, 325)):
        ends = (a + b for a, b in zip(values.get(offsets, ()), values.get(counts, ()), strict=False))
        if any(end > length for end in ends):
            return True
    return False


# -- EXIF --------------------------------------------------------------------------------------------------


def _exif_orientation(block: bytes) -> int:
    """Return the orientation of an EXIF block (a small TIFF); 1 where it is damaged or says nothing."""
    block = block.removeprefix(b"Exif\x00\x00")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return 1
    try:
        start = struct.unpack_from(order + "I", block, 4)[0]
        for i in range(struct.unpack_from(order + "H", block, start)[0]):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", block, start + 2 + 12 * i)
            if tag == _ORIENTATION and kind == 3:
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


_WALKERS: dict[str, Callable[[bytes], Stripped]] = {
    "JPEG": _jpeg, "PNG": _png, "WEBP": _webp, "GIF": _gif, "BMP": _bmp, "TIFF": _tiff,
}  # fmt: skip
