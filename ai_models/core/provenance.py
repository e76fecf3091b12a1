"""What a file says about how it was made: camera, time and JPEG quality, read with bounds and never trusted.

EXIF blocks are hostile until shown otherwise. Two directories are looked at, each once and up to a fixed number of
entries; offsets are followed only inside the block; texts are cut. So no loop, count or offset can cost time or memory.
"""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Provenance", "jpeg_quality", "read_exif"]

_MOST_ENTRIES = 256
_MOST_TEXT = 64
_MAKE, _MODEL, _EXIF_IFD = 0x010F, 0x0110, 0x8769
_TAKEN, _TAKEN_OFFSET, _TAKEN_FRACTION = 0x9003, 0x9011, 0x9291
_YEARS = (1980, 2200)  # a camera whose clock was never set says 0000 or 1970


class Provenance(NamedTuple):
    """What EXIF tells.

    Attributes
    ----------
    camera
        Make and model, at most 80 printable characters; empty where they are not told.
    taken
        When, as ``YYYY-MM-DDTHH:MM:SS[.ffffff][+HH:MM]``; empty where it is not told or cannot be.
    """

    camera: str = ""
    taken: str = ""


def read_exif(block: bytes) -> Provenance:
    """Return what an EXIF block (a small TIFF, or the bytes of a TIFF) tells; nothing where it is damaged."""
    block = block[6:] if block[:6] == b"Exif\x00\x00" else block
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(block[:4])
    if order is None:
        return Provenance()
    main = _entries(block, order, _number(block, order, 4))
    own = _entries(block, order, _number(block, order, main[_EXIF_IFD][2])) if _EXIF_IFD in main else {}
    texts = {tag: _text(block, order, entry) for tag, entry in (main | own).items()}
    taken = _time(texts.get(_TAKEN, ""), texts.get(_TAKEN_FRACTION, ""), texts.get(_TAKEN_OFFSET, ""))
    return Provenance(_camera(texts.get(_MAKE, ""), texts.get(_MODEL, "")), taken)


def jpeg_quality(tables: Mapping[int, Sequence[int]]) -> int:
    """Return the setting from 1 to 100 at which libjpeg makes the nearest luminance table; 0 without a table.

    Parameters
    ----------
    tables
        Number -> 64 quantisation steps in row order, as Pillow gives them; table 0 is the luminance's.

    Notes
    -----
    libjpeg scales the example table K.1 of ITU-T T.81 by ``5000 / q`` percent below 50 and ``200 - 2 q`` from there.
    For an encoder with tables of its own the answer is the nearest setting by the sum of absolute differences.
    """
    table = np.asarray(tables.get(0, ()), dtype=np.int64)
    if table.shape != (64,):
        return 0
    return int(np.abs(_libjpeg_tables() - table).sum(axis=1).argmin()) + 1


# -- inside ------------------------------------------------------------------------------------------------

_LUMINANCE = (  # ITU-T T.81, table K.1
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip


@cache
def _libjpeg_tables() -> NDArray[np.int64]:
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    tables: NDArray[np.int64] = (np.array(_LUMINANCE, dtype=np.int64) * scale[:, None] + 50) // 100
    return np.clip(tables, 1, 255)


_Entry = tuple[int, int, int]  # kind, count, where its four bytes lie


def _number(block: bytes, order: str, at: int) -> int:
    return int(struct.unpack_from(order + "I", block, at)[0]) if at + 4 <= len(block) else len(block)


def _entries(block: bytes, order: str, start: int) -> dict[int, _Entry]:
    if start + 2 > len(block):
        return {}
    found: dict[int, _Entry] = {}
    count = min(struct.unpack_from(order + "H", block, start)[0], _MOST_ENTRIES, (len(block) - start - 2) // 12)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, n = struct.unpack_from(order + "HHI", block, at)
        if tag in (_MAKE, _MODEL, _TAKEN, _TAKEN_FRACTION, _TAKEN_OFFSET) or (tag == _EXIF_IFD and kind in (4, 13)):
            found.setdefault(tag, (kind, n, at + 8))
    return found


def _text(block: bytes, order: str, entry: _Entry) -> str:
    kind, n, at = entry
    if kind not in (2, 129):  # ASCII, and UTF-8 of EXIF 3
        return ""
    if n > 4:
        at = _number(block, order, at)
    raw = block[at : at + min(n, _MOST_TEXT)].split(b"\x00", 1)[0]
    return " ".join("".join(c if c.isprintable() else " " for c in raw.decode("utf-8", "replace")).split())


def _camera(make: str, model: str) -> str:
    name = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    return sys.intern(name.strip()[:80].rstrip())


def _time(text: str, fraction: str, offset: str) -> str:
    if not re.fullmatch(r"[0-9]{4}:[0-9]{2}:[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", text):
        return ""
    iso = f"{text[:10].replace(':', '-')}T{text[11:]}"
    try:
        year = datetime.fromisoformat(iso).year
    except ValueError:
        return ""
    if not _YEARS[0] <= year <= _YEARS[1]:
        return ""
    if re.fullmatch(r"[0-9]+", fraction):
        iso += f".{fraction[:6]:0<6}"
    return iso + offset if re.fullmatch(r"[+-](0[0-9]|1[0-4]):[0-5][0-9]", offset) else iso
