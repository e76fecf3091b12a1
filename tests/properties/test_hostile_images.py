"""Hostile bytes: decoding raises `ImageError` or nothing, probing nothing at all."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ai_models.core.errors import ImageError
from ai_models.core.images import Verdict, decode, probe


def _seed(kind: str, mode: str = "RGB", **options: object) -> bytes:
    ramp = np.arange(24 * 20 * 3, dtype=np.uint8).reshape(24, 20, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"
    if kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        options["exif"] = exif
    stream = io.BytesIO()
    Image.fromarray(ramp).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


SEEDS = {
    "jpeg": _seed("JPEG"), "jpeg_progressive": _seed("JPEG", progressive=True), "jpeg_cmyk": _seed("JPEG", "CMYK"),
    "png": _seed("PNG"), "png_palette": _seed("PNG", "P", transparency=1), "png_alpha": _seed("PNG", "LA"),
    "webp": _seed("WEBP"), "webp_alpha": _seed("WEBP", "RGBA", lossless=True), "bmp": _seed("BMP"),
    "bmp_palette": _seed("BMP", "P"), "gif": _seed("GIF"), "tiff": _seed("TIFF"),
    "tiff_lzw": _seed("TIFF", compression="tiff_lzw"), "tiff_jpeg": _seed("TIFF", compression="jpeg"),
    "tiff_big": _seed("TIFF", big_tiff=True), "tiff_grey16": _seed("TIFF", "I;16"),
}  # fmt: skip

changes = st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=8)
header_changes = st.lists(st.tuples(st.integers(2, 120), st.integers(0, 255)), min_size=1, max_size=4)


def _ends_well(data: bytes, file: Path) -> None:
    try:
        image = decode(data, max_pixels=4_000_000)
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3
        assert min(image.shape) >= 1
    except ImageError as error:
        Verdict(error.verdict)
    file.write_bytes(data)
    found = probe(file)
    assert 0 <= found.missing_rows <= 1
    assert found.readable == (found.missing_rows == 0 and found.verdict in (Verdict.OK, Verdict.WRONG_EXTENSION))


_quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("name", SEEDS)
@_quick
@given(flips=changes, header=header_changes)
def test_changed_bytes(
    name: str, flips: list[tuple[float, int]], header: list[tuple[int, int]], tmp_path: Path
) -> None:
    data = bytearray(SEEDS[name])
    for place, value in flips:
        data[int(place * len(data))] = value
    _ends_well(bytes(data), tmp_path / "a.jpg")
    for place, value in header:
        if place < len(data):
            data[place] = value
    _ends_well(bytes(data), tmp_path / "a.jpg")


@pytest.mark.parametrize("name", SEEDS)
@_quick
@given(share=st.floats(0, 1))
def test_cut_bytes(name: str, share: float, tmp_path: Path) -> None:
    _ends_well(SEEDS[name][: int(share * len(SEEDS[name]))], tmp_path / "a.jpg")


@_quick
@given(name=st.sampled_from(sorted(SEEDS)), keep=st.integers(2, 60), tail=st.binary(max_size=300))
def test_a_header_and_noise(name: str, keep: int, tail: bytes, tmp_path: Path) -> None:
    _ends_well(SEEDS[name][:keep] + tail, tmp_path / "a.jpg")
