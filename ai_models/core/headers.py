"""How many pixels a file declares, read from its header alone: a bomb is refused before the rest of it is read."""

from __future__ import annotations

import struct
from collections.abc import Callable

__all__ = ["HEAD", "Read", "declared_size", "webp_size"]

Read = Callable[[int, int], bytes]
"""Offset, count -> at most so many bytes of the file from there; fewer at its end."""
HEAD = 4096
"""Bytes read first: of nearly every file they hold all that is asked for here."""

_SEGMENTS = 4096  # most segments before the frame of a JPEG; others are judged when the file is in memory
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def declared_size(read: Read, kind: str) -> tuple[int, int]:
    """Return (width, height) as the header of a format gives them, (0, 0) where it does not say.

    Nothing is believed of it but that it is too large: a file that passes is judged again with its whole content.
    """
    try:
        return _READERS[kind](read)
    except (struct.error, OverflowError):  # a header that is cut off is named later
        return 0, 0


def _png(read: Read) -> tuple[int, int]:
    width, height = struct.unpack(">II", read(16, 8))
    return width, height


def _bmp(read: Read) -> tuple[int, int]:
    short = read(14, 4) == b"\x0c\0\0\0"  # OS/2's first header
    width, height = struct.unpack("<HH", read(18, 4)) if short else struct.unpack("<Ii", read(18, 8))
    return width, abs(height)


def _gif(read: Read) -> tuple[int, int]:
    width, height = struct.unpack("<HH", read(6, 4))
    return width, height


def _webp(read: Read) -> tuple[int, int]:
    return webp_size(read(0, 30))


def webp_size(head: bytes) -> tuple[int, int]:
    """Return the size that the first 30 bytes of a WebP file give."""
    kind = head[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", head, 26)
    return width & 0x3FFF, height & 0x3FFF


def _jpeg(read: Read) -> tuple[int, int]:
    at = 2
    for _ in range(_SEGMENTS):
        head = read(at, 9)
        mark, marker, length = struct.unpack(">BBH", head[:4])
        if mark != 0xFF or marker in (0xD9, 0xDA):
            break
        if marker in _FRAMES:
            height, width = struct.unpack(">HH", head[5:9])
            return width, height
        at += 1 if marker == 0xFF else 2 + max(length, 2)
    return 0, 0


def _tiff(read: Read) -> tuple[int, int]:
    head = read(0, 16)
    order = "<" if head[:2] == b"II" else ">"
    big = 43 in head[2:4]
    word, entry = ("Q", 20) if big else ("I", 12)
    start = struct.unpack_from(order + word, head, 8 if big else 4)[0]
    first = 8 if big else 2
    count = struct.unpack(order + ("Q" if big else "H"), read(start, first))[0]
    directory = read(start + first, min(count, 4096) * entry)
    sides = {256: 0, 257: 0}
    for at in range(0, len(directory) - entry + 1, entry):
        tag, kind = struct.unpack_from(order + "HH", directory, at)
        if tag in sides and kind in (3, 4, 16):
            letter = {3: "H", 4: "I", 16: "Q"}[kind]
            sides[tag] = struct.unpack_from(order + letter, directory, at + entry - struct.calcsize(word))[0]
    return sides[256], sides[257]


_READERS: dict[str, Callable[[Read], tuple[int, int]]] = {
    "JPEG": _jpeg, "PNG": _png, "WEBP": _webp, "GIF": _gif, "BMP": _bmp, "TIFF": _tiff,
}  # fmt: skip
