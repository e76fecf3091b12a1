"""Whole folders of hostile files through inspector, augmenter, extractor and predict, in processes that may die."""

from __future__ import annotations

import csv
import importlib.util
import io
import os
import shutil
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ai_models.cli import main
from ai_models.core.images import Verdict

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SECONDS, MEBIBYTES = 5.0, 1000.0


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    yield _script("hostile")
    del sys.modules["hostile"]


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _png(size: tuple[int, int], depth: int, colour: int, rows: bytes, *more: tuple[bytes, bytes]) -> bytes:
    header = struct.pack(">2I5B", *size, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *more, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    chunks = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _tag_changed(data: bytes, tag: int, value: int) -> bytes:
    at = data.index(struct.pack("<HHI", tag, 3, 1), struct.unpack_from("<I", data, 4)[0])
    return data[: at + 8] + struct.pack("<I", value) + data[at + 12 :]


def _looping_tiff(data: bytes) -> bytes:
    """Let the first directory name itself as the next."""
    start = struct.unpack_from("<I", data, 4)[0]
    at = start + 2 + 12 * struct.unpack_from("<H", data, start)[0]
    return data[:at] + struct.pack("<I", start) + data[at + 4 :]


def _gif(first: bytes, again: bytes, times: int) -> bytes:
    """Put blocks in front of the picture of a GIF, or the picture many times."""
    whole = _saved(Image.new("P", (8, 8)), "GIF")
    at = 13 + (3 << (whole[10] & 7) + 1 if whole[10] & 0x80 else 0)
    picture = whole[at:-1]
    return whole[:at] + first + picture * (times if again == b"" else 1) + again + b";"


def _rle_bmp(width: int, height: int, runs: bytes) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 1078 + len(runs), 0, 0, 1078) + head + bytes(1024) + runs


def _made() -> dict[str, tuple[bytes, Verdict]]:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8))
    tiff = _saved(noise, "TIFF")
    nan = Image.fromarray(np.full((20, 20), np.nan, dtype=np.float32))
    bomb_icc = (b"iCCP", b"p\0\0" + zlib.compress(bytes(50_000_000)))
    comment = b"\x21\xfe" + (b"\xff" + bytes(255)) * 100_000 + b"\0"
    return {
        "good.jpg": (_saved(noise, "JPEG"), Verdict.OK),
        "named_wrong.png": (_saved(noise, "JPEG"), Verdict.WRONG_EXTENSION),
        "cut.jpg": (_saved(noise, "JPEG")[:3000], Verdict.TRUNCATED),
        "empty.jpg": (b"", Verdict.EMPTY),
        "text.jpg": (b"<html>404</html>", Verdict.UNSUPPORTED),
        "huge.png": (_png((60_000, 60_000), 8, 2, b""), Verdict.BOMB),
        "zero.png": (_png((0, 60), 8, 2, b""), Verdict.CORRUPT),
        "text_bomb.png": (_png((1, 1), 8, 0, b"\0\0", (b"zTXt", b"a\0\0" + zlib.compress(bytes(2**21)))), Verdict.BOMB),
        "profile_bomb.png": (_png((2, 2), 8, 0, b"\0\0\0" * 2, bomb_icc), Verdict.OK),
        "one_wide.png": (_png((1, 2_000_000), 1, 0, b"\0\x80" * 2_000_000), Verdict.OK),
        "one_high.png": (_png((2_000_000, 1), 1, 0, b"\0" + bytes(250_000)), Verdict.OK),
        "exif_of_64k.jpg": (_saved(noise, "JPEG", exif=b"Exif\0\0MM\0*" + b"\xff" * 65_000), Verdict.OK),
        "comments.gif": (_gif(comment, b"", 1), Verdict.OK),
        "frames.gif": (_gif(b"", b"", 100_000), Verdict.OK),
        "cut_in_a_later_frame.gif": (_gif(b"", b"", 3)[:-4], Verdict.TRUNCATED),
        "no_end.gif": (_gif(b"", b"", 1)[:-1], Verdict.TRUNCATED),
        "runs.bmp": (_rle_bmp(8, 2, b"\x08\x01\0\0\x08\x02\0\1"), Verdict.OK),
        "runs_without_end.bmp": (_rle_bmp(8_000, 8_000, b"\x01\x01" * 1000), Verdict.BOMB),
        "runs_of_nothing.bmp": (_rle_bmp(8, 2, b"\0\0" * 2**22), Verdict.BOMB),
        "loop.tif": (_looping_tiff(tiff), Verdict.OK),
        "nan.tif": (_saved(nan, "TIFF"), Verdict.OK),
        "lab.tif": (_saved(noise.convert("RGB").convert("YCbCr"), "TIFF"), Verdict.OK),
        "webp_in.tif": (_tag_changed(tiff, 259, 50_001), Verdict.UNSUPPORTED),
        "samples.tif": (_tag_changed(tiff, 277, 65_535), Verdict.UNSUPPORTED),
        "offset.tif": (b"II+\0\x08\0\0\0" + b"\xff" * 8, Verdict.TRUNCATED),
        "ycck.jpg": (_saved(noise.convert("CMYK"), "JPEG"), Verdict.OK),
    }  # fmt: skip


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Verdict]]:
    folder = tmp_path_factory.mktemp("hostile")
    made = _made()
    for number, (name, (data, _)) in enumerate(made.items()):
        place = folder / f"class {number % 2}"
        place.mkdir(exist_ok=True)
        (place / name).write_bytes(data)
    return folder, {name: verdict for name, (_, verdict) in made.items()}


linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by /proc")


@linux
def test_made_files_get_their_verdict_in_every_way(
    benchmark: ModuleType, hostile: tuple[Path, dict[str, Verdict]], tiny_model: Path
) -> None:
    folder, expected = hostile
    answers, complaints = benchmark.survey(sorted(folder.rglob("*.*")), tiny_model)
    found = {Path(a.path).name: a.verdict for a in answers if a.way == "inspector"}
    assert found == expected
    _all_is_well(benchmark, answers, complaints, len(expected))


@linux
def test_every_image_of_pillows_tests(benchmark: ModuleType, tiny_model: Path) -> None:
    if "AMULET_AI_HOSTILE_IMAGES" not in os.environ:
        pytest.skip("`make hostile-images` fetches them and tells the variable to set")
    files = sorted(p for p in Path(os.environ["AMULET_AI_HOSTILE_IMAGES"]).rglob("*") if not p.is_dir())
    assert len(files) > 1000
    answers, complaints = benchmark.survey(files, tiny_model)
    _all_is_well(benchmark, answers, complaints, len(files))


def _all_is_well(benchmark: ModuleType, answers: list, complaints: str, files: int) -> None:
    assert Counter(a.way for a in answers) == dict.fromkeys(benchmark.WAYS, files)
    assert [a for a in answers if a.verdict not in set(Verdict)] == []
    assert benchmark.disagreements(answers) == []
    assert [a for a in answers if a.seconds > SECONDS or a.memory > MEBIBYTES] == []
    assert complaints == ""


@linux
def test_a_file_that_ends_the_process_is_told_from_the_others(
    benchmark: ModuleType, hostile: tuple[Path, dict[str, Verdict]], tmp_path: Path
) -> None:
    good = next(hostile[0].rglob("good.jpg"))
    answers, complaints = benchmark.survey([good], tmp_path / "no model here")
    assert [a.verdict for a in answers] == ["crash 1"] * len(benchmark.WAYS)
    assert "no model here" in complaints
    answers = [benchmark.Answer("a", way, "ok", 0, 0) for way in benchmark.WAYS[1:]]
    assert benchmark.disagreements([benchmark.Answer("a", "inspector", "wrong_extension", 0, 0), *answers]) == []
    assert benchmark.disagreements([benchmark.Answer("a", "inspector", "bomb", 0, 0), *answers]) == ["a"]


def test_the_commands_answer_for_every_file(
    hostile: tuple[Path, dict[str, Verdict]], tiny_model: Path, tmp_path: Path
) -> None:
    folder, expected = shutil.copytree(hostile[0], tmp_path / "data"), dict(hostile[1])
    for number in range(16):  # as many objects as folds need
        noise = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((64, 64)).save(folder / f"class {number % 2}" / f"photograph {number}.png")
        expected[f"photograph {number}.png"] = Verdict.OK
    readable = {name for name, verdict in expected.items() if verdict in (Verdict.OK, Verdict.WRONG_EXTENSION)}

    def call(*arguments: object) -> None:
        done = CliRunner().invoke(main, [str(a) for a in arguments])
        assert done.exit_code == 0, done.output

    call("inspect", "--data-dir", folder, "--output-dir", tmp_path / "inspected", "--workers", 1)
    call("augment", "--input-dir", folder, "--output-dir", tmp_path / "augmented", "--workers", 1)
    quick = ("--no-cnn", "--no-sift", "--no-hog", "--image-size", 64, "--no-cache", "--workers", 1)
    call("extract", "--data-dir", folder, "--output-dir", tmp_path / "features", *quick)
    call("predict", "--model-dir", tiny_model, "--data-dir", folder, "--output", tmp_path / "predictions.csv")
    with (tmp_path / "inspected" / "manifest.csv").open(encoding="utf-8") as stream:
        assert {Path(row["path"]).name for row in csv.DictReader(stream)} == readable
    with (tmp_path / "predictions.csv").open(encoding="utf-8") as stream:
        verdicts = {Path(row["path"]).name: row["verdict"] for row in csv.DictReader(stream)}
    assert set(verdicts) == set(expected)
    assert {name for name, verdict in verdicts.items() if verdict != "unreadable"} == readable


def test_cut_files_are_named_and_whole_ones_are_not(tmp_path: Path) -> None:
    truncation = _script("truncation")
    y, x = np.mgrid[:90, :120]
    missed = []
    for number in range(196):
        name = list(truncation.VARIANTS)[number % len(truncation.VARIANTS)]
        rng = np.random.default_rng(number)
        waves = 128 + 60 * np.sin(x / rng.uniform(3, 20))[..., None] * np.cos(y / rng.uniform(3, 20))[..., None]
        pixels = (waves + rng.normal(0, 9, (90, 120, 3))).clip(0, 255).astype(np.uint8)
        data = truncation.VARIANTS[name](Image.fromarray(pixels))
        share = 99 - number // len(truncation.VARIANTS) * 16
        if truncation.looked_at(data[: len(data) * share // 100], tmp_path / "a").verdict not in truncation.NAMED:
            missed.append((name, share))
        if number < 100:
            assert truncation.looked_at(data, tmp_path / "a").readable, name
    del sys.modules["truncation"]
    assert missed == []
