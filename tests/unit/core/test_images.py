"""Every format and variant against Pillow's own reading, every kind of damage against its verdict."""

from __future__ import annotations

import io
import os
import socket
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from ai_models.core import images
from ai_models.core.errors import ImageError
from ai_models.core.images import Verdict, decode, examine, probe, read_bytes, read_image, resize


def picture(height: int = 60, width: int = 80) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    waves = 127 + 100 * np.sin(x / 7.0) * np.cos(y / 5.0)
    return np.stack([waves, 255 - waves, (x * 3 + y) % 256], axis=2).astype(np.uint8)


def encoded(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    stream = io.BytesIO()
    (image or Image.fromarray(picture())).save(stream, kind, **options)
    return stream.getvalue()


def pillow(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


PLAIN = {
    "jpeg": lambda: encoded("JPEG"),
    "jpeg_coded_as_rgb": lambda: encoded("JPEG", keep_rgb=True),
    "jpeg_progressive": lambda: encoded("JPEG", progressive=True),
    "jpeg_grey": lambda: encoded("JPEG", Image.fromarray(picture()).convert("L")),
    "jpeg_cmyk_adobe": lambda: encoded("JPEG", Image.fromarray(picture()).convert("CMYK")),
    "png": lambda: encoded("PNG"),
    "png_one_bit": lambda: encoded("PNG", Image.fromarray(picture()).convert("1")),
    "png_palette": lambda: encoded("PNG", Image.fromarray(picture()).quantize(32)),
    "webp": lambda: encoded("WEBP"),
    "webp_lossless": lambda: encoded("WEBP", lossless=True),
    "bmp": lambda: encoded("BMP"),
    "bmp_one_bit": lambda: encoded("BMP", Image.fromarray(picture()).convert("1")),
    "bmp_palette": lambda: encoded("BMP", Image.fromarray(picture()).quantize(32)),
    "gif": lambda: encoded("GIF"),
    "tiff": lambda: encoded("TIFF"),
    "tiff_lzw": lambda: encoded("TIFF", compression="tiff_lzw"),
    "tiff_jpeg": lambda: encoded("TIFF", compression="jpeg"),
    "tiff_big": lambda: encoded("TIFF", big_tiff=True),
    "tiff_palette": lambda: encoded("TIFF", Image.fromarray(picture()).quantize(16)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_formats_equal_pillow(name: str) -> None:
    data = PLAIN[name]()
    result = decode(data)
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(result, pillow(data))


def test_adobe_cmyk_is_not_inverted() -> None:
    light = Image.new("RGB", (16, 16), (250, 240, 230)).convert("CMYK")
    assert decode(encoded("JPEG", light)).min() > 200


def test_adobes_marker_says_how_colours_are_coded() -> None:
    data = bytearray(encoded("JPEG", keep_rgb=True))  # known by its components' names, which are taken from it here
    for start, step in ((data.index(b"\xff\xc0") + 10, 3), (data.index(b"\xff\xda") + 5, 2)):
        for i in range(3):
            data[start + i * step] = 1 + i
    marked = bytes(data)
    assert b"Adobe" in marked[:20]
    assert np.abs(decode(marked).astype(int) - picture()).mean() < 6
    np.testing.assert_array_equal(decode(marked), pillow(marked))


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    values = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    for kind in ("PNG", "TIFF"):
        grey = decode(encoded(kind, Image.fromarray(values)))
        np.testing.assert_array_equal(grey[..., 0].ravel(), np.arange(256))
    between = np.array([[0, 128, 129, 200, 65406, 65407]], dtype=np.uint16)
    np.testing.assert_array_equal(decode(encoded("PNG", Image.fromarray(between)))[0, :, 2], [0, 0, 1, 1, 254, 255])
    big_endian = encoded("TIFF", Image.fromarray(values.astype(">u2")))
    np.testing.assert_array_equal(decode(big_endian)[..., 1].ravel(), np.arange(256))


def test_sixteen_bit_colour_keeps_the_upper_byte() -> None:
    rows = b"".join(b"\x00" + struct.pack(">6H", 0, 32768, 65535, 257, 51400, 255) for _ in range(2))
    data = png((2, 2), 16, 2, rows)
    np.testing.assert_array_equal(decode(data)[0], [[0, 128, 255], [1, 200, 0]])


def test_floats_and_wide_whole_numbers_are_scaled_by_their_own_range() -> None:
    values = np.array([[-2.0, 0.0], [np.nan, 2.0]], dtype=np.float32)
    np.testing.assert_array_equal(decode(encoded("TIFF", Image.fromarray(values)))[..., 0], [[0, 128], [0, 255]])
    whole = np.array([[0, 100_000], [50_000, 100_000]], dtype=np.int32)
    np.testing.assert_array_equal(decode(encoded("TIFF", Image.fromarray(whole)))[..., 0], [[0, 255], [128, 255]])
    flat = np.full((3, 3), 7.0, dtype=np.float32)
    assert not decode(encoded("TIFF", Image.fromarray(flat))).any()


def test_alpha_of_every_kind_is_composited_over_white() -> None:
    rgba = Image.new("RGBA", (4, 4), (200, 0, 100, 0))
    rgba.putpixel((0, 0), (200, 0, 100, 255))
    rgba.putpixel((1, 0), (0, 0, 0, 128))
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((0, 0), 0)
    grey_alpha = Image.new("LA", (4, 4), (90, 0))
    for data in (encoded("PNG", rgba), encoded("WEBP", rgba, lossless=True), encoded("TIFF", rgba)):
        result = decode(data)
        assert result[0, 0].tolist() == [200, 0, 100]
        assert result[0, 1].tolist() == [127, 127, 127]
        assert result[2, 2].tolist() == [255, 255, 255]
    for data in (encoded("PNG", palette, transparency=1), encoded("GIF", palette, transparency=1)):
        assert decode(data)[0, 0].tolist() == [10, 20, 30]
        assert decode(data)[3, 3].tolist() == [255, 255, 255]
    assert decode(encoded("PNG", palette, transparency=b"\xff\x00"))[3, 3].tolist() == [255, 255, 255]
    assert (decode(encoded("PNG", grey_alpha)) == 255).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_many_pictures_give_the_first(kind: str) -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "green", "blue")]
    data = encoded(kind, frames[0], save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(decode(data)[5, 5], [255, 0, 0], atol=3)


def test_pictures_of_phones_with_several_in_one_jpeg_are_jpegs(tmp_path: Path) -> None:
    frames = [Image.fromarray(picture()), Image.new("RGB", (20, 10), "blue")]
    data = encoded("MPO", frames[0], save_all=True, append_images=frames[1:])
    (tmp_path / "a.jpg").write_bytes(data)
    found = probe(tmp_path / "a.jpg")
    assert (found.verdict, found.format, found.width, found.height) == (Verdict.OK, "JPEG", 80, 60)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_eight_orientations(kind: str, orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(kind, exif=exif, **options)
    np.testing.assert_array_equal(decode(data), pillow(data))
    (tmp_path / "a").write_bytes(data)
    found, pixels = examine(tmp_path / "a")
    assert pixels is not None
    assert (found.height, found.width) == pixels.shape[:2] == ((60, 80) if orientation < 5 else (80, 60))
    assert found.exif_turned == (orientation > 1)


@pytest.mark.parametrize("block", [b"", b"II*\x00", b"II*\x00\xff\xff\xff\xff", b"MM\x00*\x00\x00\x00\x08\xff\xff"])
def test_a_damaged_exif_block_counts_as_none(block: bytes) -> None:
    plain = encoded("JPEG")
    with_block = encoded("JPEG", exif=b"Exif\x00\x00" + block)
    np.testing.assert_array_equal(decode(with_block), decode(plain))


@pytest.mark.parametrize("size", [32, 100, 224])
@pytest.mark.parametrize("orientation", [1, 6])
def test_reduced_decoding_keeps_enough_pixels(size: int, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded("JPEG", Image.fromarray(picture(480, 1000)), quality=95, exif=exif)
    whole, reduced = decode(data), decode(data, size=size)
    assert min(reduced.shape[:2]) >= size
    assert reduced.shape[0] < whole.shape[0]
    assert (reduced.shape[0] > reduced.shape[1]) == (whole.shape[0] > whole.shape[1])
    difference = np.abs(resize(reduced, size).astype(int) - resize(whole, size))
    assert difference.mean() < 3
    np.testing.assert_array_equal(reduced, decode(data, size=size))


def test_resize_averages_areas_and_keeps_the_dtype() -> None:
    blocks = np.kron(picture(8, 8), np.ones((4, 4, 1), dtype=np.uint8))
    np.testing.assert_array_equal(resize(blocks, 8), picture(8, 8))
    assert resize(picture(3, 500), 64).shape == (64, 64, 3)
    same = picture(64, 64)
    assert resize(same, 64) is same
    # a side that shrinks is averaged even where the other grows
    stripes = np.tile(np.array([0, 255], dtype=np.uint8)[None, :, None], (4, 320, 3))
    assert np.abs(resize(stripes, 32).astype(int) - 128).max() <= 1


# -- damage ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in PLAIN if n not in ("png_one_bit",)])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_cut_files_are_truncated(name: str, share: float) -> None:
    data = PLAIN[name]()
    with pytest.raises(ImageError) as error:
        decode(data[: int(len(data) * share)])
    assert error.value.verdict == Verdict.TRUNCATED


@pytest.mark.parametrize("name", ["jpeg", "png", "bmp", "tiff", "gif", "gif_transparent", "png_grey16"])
@pytest.mark.parametrize("share", [0.25, 0.6])
def test_missing_rows_are_measured(name: str, share: float, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 100, 3), dtype=np.uint8)  # bytes spread evenly over rows
    image = Image.fromarray(noise)
    data = {
        "jpeg": lambda: encoded("JPEG", image),
        "png": lambda: encoded("PNG", image),
        "bmp": lambda: encoded("BMP", image),
        "tiff": lambda: encoded("TIFF", image),
        "gif": lambda: encoded("GIF", image),
        "gif_transparent": lambda: encoded("GIF", image.quantize(64), transparency=3),
        "png_grey16": lambda: encoded("PNG", Image.fromarray(noise[..., 0].astype(np.uint16) * 257)),
    }[name]()
    (tmp_path / "a").write_bytes(data[: int(len(data) * share)])
    found = probe(tmp_path / "a")
    assert found.verdict is Verdict.TRUNCATED
    assert found.missing_rows == pytest.approx(1 - share, abs=0.12)


def test_black_rows_that_were_decoded_are_not_missing(tmp_path: Path) -> None:
    data = encoded("BMP", Image.new("RGB", (100, 100)))
    (tmp_path / "a.bmp").write_bytes(data[: 54 + 300 * 80])
    assert probe(tmp_path / "a.bmp").missing_rows == pytest.approx(0.2)


def test_garbage_after_a_jpeg_does_no_harm() -> None:
    data = encoded("JPEG")
    np.testing.assert_array_equal(decode(data + os.urandom(500)), decode(data))


def png(size: tuple[int, int], depth: int, colour: int, rows: bytes, *more: tuple[bytes, bytes]) -> bytes:
    header = struct.pack(">2I5B", *size, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *more, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    chunks = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


BOMBS: dict[str, Callable[[], bytes]] = {
    "png": lambda: png((60_000, 60_000), 8, 2, b""),
    "bmp": lambda: encoded("BMP")[:18] + struct.pack("<ii", 50_000, 50_000) + encoded("BMP")[26:],
    "gif": lambda: encoded("GIF")[:6] + struct.pack("<HH", 60_000, 60_000) + encoded("GIF")[10:],
    "webp": lambda: webp_canvas(16_384, 16_384),
    "png_text": lambda: png((1, 1), 8, 0, b"\0\0", (b"zTXt", b"a\0\0" + zlib.compress(bytes(2**21)))),
    "png_texts": lambda: png(
        (1, 1), 8, 0, b"\0\0", *[(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**20 - 9)))] * 70
    ),
}  # fmt: skip


def webp_canvas(width: int, height: int) -> bytes:
    body = b"WEBPVP8X" + struct.pack("<II", 10, 0) + (width - 1).to_bytes(3, "little")
    body += (height - 1).to_bytes(3, "little") + encoded("WEBP")[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_from_the_header(name: str) -> None:
    with pytest.raises(ImageError) as error:
        decode(BOMBS[name]())
    assert error.value.verdict == Verdict.BOMB


def test_large_images_below_the_limit_raise_no_warning() -> None:
    rows = (b"\0" + bytes(1250)) * 10_000  # 100 million pixels of one bit: Image.open warns of them
    data = png((10_000, 10_000), 1, 0, rows)
    assert decode(data, max_pixels=100_000_000).shape == (10_000, 10_000, 3)
    with pytest.raises(ImageError, match="bomb"):
        decode(data)


def test_nothing_here_touches_the_filters_of_the_process() -> None:
    before = list(warnings.filters)
    decode(encoded("TIFF"))
    assert list(warnings.filters) == before


def test_a_bad_animation_table_does_not_matter() -> None:
    table = (b"acTL", b"\0\0\0\0")
    assert decode(png((1, 1), 8, 0, b"\0\x80", table, table))[0, 0].tolist() == [128] * 3


def test_bad_private_tags_of_a_tiff_do_not_matter() -> None:
    plain = Image.fromarray(picture())
    tags = ImageFileDirectory_v2()
    tags[305] = "software " * 10
    data = bytearray(encoded("TIFF", plain, tiffinfo=tags))
    at = data.index(struct.pack("<HH", 305, 2))
    data[at + 8 : at + 12] = struct.pack("<I", 2**31)  # its text lies behind the end of the file
    np.testing.assert_array_equal(decode(bytes(data)), picture())


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (b"", Verdict.EMPTY),
        (b"%PDF-1.7 and more", Verdict.UNSUPPORTED),
        (b"\xff\xd8\xff", Verdict.TRUNCATED),
        (b"\xff\xd8\xff\xd9" + bytes(50), Verdict.CORRUPT),
        (b"BM", Verdict.TRUNCATED),
        (b"BM" + bytes(100), Verdict.UNSUPPORTED),
        (b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", Verdict.CORRUPT),
        (b"II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00", Verdict.CORRUPT),
        (b"II+\x00\x08\x00\x00\x00" + b"\xff" * 40, Verdict.TRUNCATED),
        (b"RIFF\x04\x00\x00\x00WEBP", Verdict.TRUNCATED),
    ],
)
def test_hopeless_files_have_their_verdicts(data: bytes, verdict: Verdict) -> None:
    with pytest.raises(ImageError) as error:
        decode(data)
    assert error.value.verdict == verdict


# -- files -------------------------------------------------------------------------------------------------


def test_probe_describes_a_readable_file(tmp_path: Path) -> None:
    file = tmp_path / "a.JPG"
    file.write_bytes(encoded("JPEG"))
    found = probe(file)
    assert found.readable
    assert (found.verdict, found.format, found.mode, found.width, found.height) == (Verdict.OK, "JPEG", "RGB", 80, 60)
    assert found.bytes == file.stat().st_size
    assert len(found.sha256) == 64
    assert found.missing_rows == 0
    np.testing.assert_array_equal(read_image(file), decode(file.read_bytes()))


def test_a_wrong_name_is_readable_and_said(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded("JPEG"))
    found = probe(tmp_path / "a.png")
    assert (found.verdict, found.readable) == (Verdict.WRONG_EXTENSION, True)
    assert found.detail == "the name says PNG, the content is JPEG"


def test_what_is_no_regular_file_never_blocks(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(tmp_path / "socket.jpg"))
        for name in ("pipe.jpg", "folder.jpg", "socket.jpg"):
            assert probe(tmp_path / name).verdict is Verdict.NOT_A_FILE


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert probe(tmp_path / "missing.jpg").verdict is Verdict.UNREADABLE
    assert probe("nul\0.jpg").verdict is Verdict.UNREADABLE
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    assert probe(tmp_path / "loop.jpg").verdict is Verdict.UNREADABLE
    (tmp_path / "empty.jpg").touch()
    assert probe(tmp_path / "empty.jpg").verdict is Verdict.EMPTY
    (tmp_path / "big.jpg").write_bytes(bytes(11))
    with pytest.raises(ImageError, match="11 bytes, more than the 10"):
        read_bytes(tmp_path / "big.jpg", max_bytes=10)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no file here whose size is not told")
def test_a_file_whose_size_is_not_told_is_read_whole_and_still_bounded() -> None:
    assert Path("/proc/self/status").stat().st_size == 0
    assert read_bytes("/proc/self/status").endswith(Path("/proc/self/status").read_bytes()[-20:])
    with pytest.raises(ImageError, match="more than the 10 bytes"):
        read_bytes("/proc/self/status", max_bytes=10)


def test_the_decoder_is_named() -> None:
    assert images.decoder_id().startswith("pillow-")
    assert "jpeg-" in images.decoder_id()
