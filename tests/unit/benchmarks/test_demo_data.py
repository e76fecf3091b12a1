"""The demo's data: real pixels, cells that do not overlap, planted files that are what they are said to be."""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import importlib.util
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ai_models.core.errors import OutputError
from ai_models.core.images import Verdict, probe, read_image

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "demo_data.py"


@pytest.fixture(scope="module")
def demo_data():
    spec = importlib.util.spec_from_file_location("demo_data", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["demo_data"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["demo_data"]


@pytest.fixture(scope="module")
def built(demo_data, tmp_path_factory):
    return demo_data.build(tmp_path_factory.mktemp("demo") / "data")


def _groups(built):
    with built.groups.open(encoding="utf-8", newline="") as stream:
        return {row["file"]: row["group"] for row in csv.DictReader(stream)}


def _hash(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return [(p.relative_to(folder), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files]


def test_pictures_come_with_the_wheel_and_are_not_fetched(demo_data):
    names = {Path(str(f)).stem for f in importlib.metadata.files("scikit-image") if "/data/" in str(f)}
    of_function = {"immunohistochemistry": "ihc", "clock": "clock_motion"}
    for name in (*demo_data.CLASSES, *demo_data.OTHERS):
        assert of_function.get(name, name) in names


def test_classes_are_unbalanced_and_every_patch_has_a_group(demo_data, built):
    counts = Counter(file.split("/")[0] for file in _groups(built))
    assert counts == {"brick": 36, "grass": 24, "gravel": 14}
    assert counts == {label: patches for label, (patches, _) in demo_data.CLASSES.items()}
    planted = {one.file for one in built.planted}
    found = {p.relative_to(built.photographs).as_posix() for p in built.photographs.rglob("*.*")}
    assert found == set(_groups(built)) | planted
    assert {Path(f).suffix for f in found} == {".jpg", ".png"}


@pytest.mark.parametrize("label", ["brick", "grass", "gravel"])
def test_patches_of_two_groups_share_no_pixel(demo_data, label):
    owner = np.full((512, 512), -1)
    boxes = demo_data._boxes(label, 512, 512)
    together = defaultdict(list)
    for cell, (top, left, side) in boxes:
        area = owner[top : top + side, left : left + side]
        assert area.shape == (side, side)
        assert set(np.unique(area)) <= {-1, cell}
        area[:] = cell
        together[cell].append((top, left, side))
    assert len(together) == demo_data.CLASSES[label][1]
    assert max(map(len, together.values())) > 1


def test_patches_are_the_photograph_and_its_groups_its_cells(demo_data, built):
    picture = demo_data._picture("gravel")
    groups = _groups(built)
    for number, (cell, (top, left, side)) in enumerate(demo_data._boxes("gravel", 512, 512)):
        suffix = "png" if number % 4 == 3 else "jpg"
        name = f"gravel/gravel_{number:02d}.{suffix}"
        assert groups[name] == f"gravel-cell-{cell:02d}"
        pixels = read_image(built.photographs / name).astype(int)
        difference = np.abs(pixels - picture[top : top + side, left : left + side]).mean()
        assert difference == 0 if suffix == "png" else difference < 4


def test_planted_files_are_what_they_are_said_to_be(built):
    planted = {one.file: one for one in built.planted}
    assert not set(planted) & set(_groups(built))
    at = built.photographs
    copied = planted["brick/copied.jpg"]
    assert (at / copied.file).read_bytes() == (at / copied.parent).read_bytes()
    again = planted["grass/saved_again.jpg"]
    assert (at / again.file).read_bytes() != (at / again.parent).read_bytes()
    assert np.abs(read_image(at / again.file).astype(int) - read_image(at / again.parent)).mean() < 10
    mirrored = planted["gravel/mirrored.png"]
    assert np.array_equal(read_image(at / mirrored.file)[:, ::-1], read_image(at / mirrored.parent))
    assert probe(at / "grass/cut_off.jpg").verdict is Verdict.TRUNCATED
    assert probe(at / "gravel/no_image.png").verdict is Verdict.UNSUPPORTED


def test_other_things_are_readable_pictures_of_something_else(demo_data, built):
    names = {p.stem for p in built.others.iterdir()}
    assert names == set(demo_data.OTHERS)
    assert not names & set(demo_data.CLASSES)
    for file in built.others.iterdir():
        assert probe(file).verdict is Verdict.OK
        with Image.open(file) as image:
            assert max(image.size) <= 400


def test_a_second_build_is_the_same_bytes_in_place_of_the_first(demo_data, tmp_path):
    demo_data.build(tmp_path / "data")
    before = _hash(tmp_path / "data")
    (tmp_path / "data" / "photographs" / "brick" / "brick_00.jpg").write_bytes(b"changed")
    demo_data.build(tmp_path / "data")
    assert _hash(tmp_path / "data") == before


def test_a_folder_of_somebody_else_is_left_alone(demo_data, tmp_path):
    (tmp_path / "mine.jpg").write_bytes(b"mine")
    with pytest.raises(OutputError, match="not the demo's"):
        demo_data.build(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.jpg"]
