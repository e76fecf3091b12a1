"""Camera, time and JPEG quality against files that Pillow wrote, and against hostile blocks."""

import io
import struct
import sys
import time

import numpy as np
import pytest
from PIL import Image

from ai_models.core.images import probe
from ai_models.core.provenance import Provenance, jpeg_quality, read_exif


def block(fields: dict[int, object], own: dict[int, object] | None = None) -> Image.Exif:
    exif = Image.Exif()
    for tag, value in fields.items():
        exif[tag] = value
    if own:
        exif[0x8769] = own
    return exif


CAMERA = {0x010F: "Canon", 0x0110: "Canon EOS 80D"}
TAKEN = {0x9003: "2021:06:30 23:59:58", 0x9291: "07", 0x9011: "+07:00"}


@pytest.fixture
def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_what_pillow_writes_is_read(tmp_path, picture, name):
    picture.save(tmp_path / name, exif=block(CAMERA, TAKEN).tobytes())
    seen = probe(tmp_path / name)
    assert (seen.camera, seen.taken) == ("Canon EOS 80D", "2021-06-30T23:59:58.070000+07:00")


def test_camera_texts_are_one(tmp_path, picture):
    for name in ("a.jpg", "b.jpg"):
        picture.save(tmp_path / name, exif=block({0x010F: "ยี่ห้อ", 0x0110: "X-1"}))
    first, second = probe(tmp_path / "a.jpg").camera, probe(tmp_path / "b.jpg").camera
    assert first is second
    assert first == sys.intern(first)
    assert first.endswith(" X-1")


def test_quality_is_recovered(tmp_path, picture):
    for quality in range(5, 101):
        picture.save(tmp_path / "a.jpg", quality=quality)
        assert probe(tmp_path / "a.jpg").jpeg_quality == quality


def test_quality_of_no_jpeg_is_unknown(tmp_path, picture):
    picture.save(tmp_path / "a.png")
    assert probe(tmp_path / "a.png").jpeg_quality == 0
    assert jpeg_quality({}) == jpeg_quality({0: [1, 2, 3]}) == 0


def test_own_tables_give_the_nearest(tmp_path, picture):
    picture.save(tmp_path / "a.jpg", quality=73)
    with Image.open(tmp_path / "a.jpg") as image:
        table = list(image.quantization[0])
    table[63] += 1
    assert jpeg_quality({0: table}) == 73


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("0000:00:00 00:00:00", ""),
        ("1970:01:01 00:00:00", ""),
        ("2021:02:30 10:00:00", ""),
        ("2021:02:03 25:00:00", ""),
        ("2021-02-03 10:00:00", ""),
        ("2021:02:03 10:00:00", "2021-02-03T10:00:00"),
        ("２０２１:02:03 10:00:00", ""),
    ],
)
def test_times_that_cannot_be(text, want):
    own = struct.pack(">H", 1) + struct.pack(">HHII", 0x9003, 2, len(text.encode()) + 1, 60)
    main = struct.pack(">H", 1) + struct.pack(">HHII", 0x8769, 4, 1, 30)
    data = (b"MM\x00*" + struct.pack(">I", 8) + main).ljust(30, b"\0") + own
    assert read_exif(data.ljust(60, b"\0") + text.encode() + b"\0").taken == want


@pytest.mark.parametrize("offset", ["+99:00", "0700", "nonsense"])
def test_a_bad_offset_is_left_out(offset):
    exif = block({}, TAKEN | {0x9011: offset, 0x9291: "x"})
    assert read_exif(exif.tobytes()).taken == "2021-06-30T23:59:58"


def test_texts_are_bounded_and_printable():
    told = read_exif(block({0x010F: "M\x07\x1b[2J" + "x" * 500, 0x0110: "N" * 60_000}).tobytes())
    assert len(told.camera) <= 80
    assert told.camera.isprintable()


def entry(tag: int, kind: int, n: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, kind, n, value)


def tiff(*entries: bytes, count: int | None = None, start: int = 8) -> bytes:
    number = len(entries) if count is None else count
    return b"II*\x00" + struct.pack("<I", start) + struct.pack("<H", number) + b"".join(entries)


HOSTILE = {
    "nothing": b"",
    "letters": b"Exif\x00\x00II*",
    "start behind the end": tiff(start=2**32 - 1),
    "directory in itself": tiff(entry(0x8769, 4, 1, 8)),
    "huge count of entries": tiff(entry(0x0110, 2, 4, 0x41414141), count=65535),
    "huge text": tiff(entry(0x0110, 2, 2**32 - 1, 8)),
    "text behind the end": tiff(entry(0x0110, 2, 100, 2**32 - 1)),
    "numbers for text": tiff(entry(0x0110, 5, 3, 8), entry(0x9003, 3, 20, 8)),
    "text for an offset": tiff(entry(0x8769, 2, 4, 8)),
    "Exif directory behind the end": tiff(entry(0x8769, 4, 1, 2**32 - 2)),
    "BigTIFF": b"II+\x00" + b"\xff" * 40,
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_blocks_tell_little_and_end(data):
    begin = time.perf_counter()
    told = read_exif(data)
    assert time.perf_counter() - begin < 0.1
    assert told.taken == ""
    assert len(told.camera) <= 80


def test_every_cut_and_every_flipped_byte_is_survived():
    whole = block(CAMERA, TAKEN).tobytes()
    assert read_exif(whole) == Provenance("Canon EOS 80D", "2021-06-30T23:59:58.070000+07:00")
    rng = np.random.default_rng(1)
    for end in range(len(whole)):
        read_exif(whole[:end])
    for _ in range(3000):
        hurt = bytearray(whole)
        for at in rng.integers(0, len(whole), 4):
            hurt[at] = rng.integers(0, 256)
        told = read_exif(bytes(hurt))
        assert told.camera.isprintable()
        assert len(told.camera) <= 80
        assert len(told.taken) <= 32


def test_a_hostile_block_leaves_the_picture_readable(tmp_path, picture):
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    data, hostile = out.getvalue(), b"Exif\x00\x00" + HOSTILE["huge count of entries"]
    segment = b"\xff\xe1" + struct.pack(">H", len(hostile) + 2) + hostile
    (tmp_path / "a.jpg").write_bytes(data[:2] + segment + data[2:])
    seen = probe(tmp_path / "a.jpg")
    assert seen.readable
    assert seen.jpeg_quality == 80
    assert seen.taken == ""
