"""Declared sizes against Pillow's, and refusal of what declares too much before the rest of the file is read."""

from __future__ import annotations

import io
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ai_models.core.headers import declared_size
from ai_models.core.images import MAX_PIXELS, Verdict, probe, read_bytes, sniff


def _encoded(kind: str, mode: str = "RGB", **options: object) -> bytes:
    ramp = np.arange(30 * 50 * 3, dtype=np.uint32).astype(np.uint8).reshape(30, 50, 3)
    stream = io.BytesIO()
    Image.fromarray(ramp).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def _many(kind: str) -> bytes:
    frames = [Image.new("RGB", (50, 30), colour) for colour in ("red", "green", "blue")]
    stream = io.BytesIO()
    frames[0].save(stream, kind, save_all=True, append_images=frames[1:])
    return stream.getvalue()


def _os2_bmp() -> bytes:
    rows = bytes(152 * 30)
    return b"BM" + struct.pack("<IHHI", 26 + len(rows), 0, 0, 26) + struct.pack("<IHHHH", 12, 50, 30, 1, 24) + rows


def _tiff(order: str, big: bool) -> bytes:
    """Return a TIFF of grey pixels whose directory stands at its end."""
    pixels = bytes(50 * 30)
    values = {256: 50, 257: 30, 258: 8, 259: 1, 262: 1, 273: 16, 277: 1, 278: 30, 279: len(pixels)}
    word, count = ("Q", "Q") if big else ("I", "H")
    mark = b"II" if order == "<" else b"MM"
    head = mark + (struct.pack(order + "HHH", 43, 8, 0) if big else struct.pack(order + "H", 42))
    head = (head + struct.pack(order + word, 16 + len(pixels))).ljust(16, b"\0")
    entries = b"".join(
        struct.pack(f"{order}HH{word}{word}", t, 16 if big else 4, 1, v) for t, v in sorted(values.items())
    )
    return head + pixels + struct.pack(order + count, len(values)) + entries + struct.pack(order + word, 0)


FILES = {
    "jpeg": _encoded("JPEG"), "jpeg_progressive": _encoded("JPEG", progressive=True),
    "jpeg_behind_profiles": _encoded("JPEG", icc_profile=bytes(300_000)), "mpo": _many("MPO"),
    "png": _encoded("PNG"), "apng": _many("PNG"),
    "gif": _encoded("GIF"), "gif_animated": _many("GIF"),
    "bmp": _encoded("BMP"), "bmp_os2": _os2_bmp(),
    "webp_vp8": _encoded("WEBP"), "webp_vp8l": _encoded("WEBP", lossless=True),
    "webp_vp8x": _encoded("WEBP", exif=b"Exif\0\0II"), "webp_animated": _many("WEBP"),
    "tiff": _encoded("TIFF"), "tiff_pages": _many("TIFF"), "tiff_ii": _tiff("<", False), "tiff_mm": _tiff(">", False),
    "tiff_big": _encoded("TIFF", big_tiff=True), "tiff_big_mm": _tiff(">", True), "tiff_big_ii": _tiff("<", True),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_declared_sizes_are_pillows(name: str, tmp_path: Path) -> None:
    data = FILES[name]
    assert declared_size(lambda at, n: data[at : at + n], sniff(data)) == (50, 30)
    (tmp_path / "a").write_bytes(data)
    if name == "tiff_big_mm":  # Pillow warns of it and reads nothing
        found = probe(tmp_path / "a")
        assert (found.verdict, found.detail) == (Verdict.UNSUPPORTED, "a big-endian BigTIFF")
        return
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (50, 30)
    assert probe(tmp_path / "a").readable


def _enlarged(name: str, data: bytes) -> bytes:
    """Let a file declare sides of 16,000 (WebP) or 60,000 pixels."""
    kind, changed = sniff(data), bytearray(data)
    if kind == "JPEG":
        at = next(data.index(mark) for mark in (b"\xff\xc0\x00\x11", b"\xff\xc2\x00\x11") if mark in data)
        changed[at + 5 : at + 9] = struct.pack(">HH", 60_000, 60_000)
    elif kind == "PNG":
        changed[16:24] = struct.pack(">II", 60_000, 60_000)
    elif kind == "GIF":
        changed[6:10] = struct.pack("<HH", 60_000, 60_000)
    elif kind == "BMP":
        short = name == "bmp_os2"
        changed[18 : 22 if short else 26] = struct.pack("<HH" if short else "<Ii", 60_000, 60_000)
    elif kind == "WEBP" and data[12:16] == b"VP8X":
        changed[24:30] = (15_999).to_bytes(3, "little") * 2
    elif kind == "WEBP" and data[12:16] == b"VP8L":
        changed[21:25] = (15_999 | 15_999 << 14).to_bytes(4, "little")
    elif kind == "WEBP":
        changed[26:30] = struct.pack("<HH", 16_000, 16_000)
    else:
        order = "<" if data[:2] == b"II" else ">"
        big = 43 in data[2:4]
        start = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
        for tag in range(2):  # width and height come first
            at = start + (8 if big else 2) + tag * (20 if big else 12)
            assert struct.unpack_from(order + "H", data, at)[0] == 256 + tag
            struct.pack_into(order + ("HHQQ" if big else "HHII"), changed, at, 256 + tag, 16 if big else 4, 1, 60_000)
    return bytes(changed)


@pytest.mark.parametrize("name", FILES)
def test_bombs_are_refused_before_the_rest_is_read(name: str, tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(_enlarged(name, FILES[name]))
    with file.open("r+b") as stream:
        stream.truncate(250 * 2**20)  # to read and to hash as much takes longer than is allowed
    start = time.process_time()
    found = probe(file)
    taken = time.process_time() - start
    assert found.verdict is Verdict.BOMB
    assert f"more than the {MAX_PIXELS // (1 + name.startswith('webp')):,} that" in found.detail
    assert taken < 0.1


def test_a_header_that_leads_nowhere_is_left_to_the_decoder(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"II*\0" + struct.pack("<I", 2**32 - 1))
    assert read_bytes(tmp_path / "a").startswith(b"II*\0")
    for name, data in FILES.items():
        for length in (8, 16, 24, 40):
            size = declared_size(lambda at, n, cut=data[:length]: cut[at : at + n], sniff(data))
            assert size in ((0, 0), (50, 30), (50, 0)) or "webp" in name
