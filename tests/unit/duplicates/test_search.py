import shutil

import numpy as np
import pytest
from PIL import Image

from ai_models.core.errors import DataError
from ai_models.core.records import ImageRecord, Manifest
from ai_models.duplicates import find_duplicates


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (3, 20, 20, 3), dtype=np.uint8)
    for name, pixels in zip("abc", small, strict=True):
        Image.fromarray(pixels).resize((120, 90), Image.Resampling.BICUBIC).save(tmp_path / f"{name}.png")
    shutil.copy(tmp_path / "a.png", tmp_path / "d.png")
    Image.open(tmp_path / "a.png").save(tmp_path / "e.bmp")
    Image.open(tmp_path / "b.png").transpose(Image.Transpose.ROTATE_90).save(tmp_path / "f.jpg", quality=60)
    Image.fromarray(np.zeros((90, 120, 3), np.uint8)).save(tmp_path / "g.png")
    Image.fromarray(np.zeros((90, 120, 3), np.uint8)).save(tmp_path / "h.bmp")
    Image.fromarray(np.zeros((120, 90, 3), np.uint8)).save(tmp_path / "i.png")
    return Manifest(tmp_path, tuple(ImageRecord(p.name) for p in sorted(tmp_path.iterdir())))


def test_each_kind_is_found(folder):
    edges = find_duplicates(folder)
    assert [(e.a, e.b, e.kind, e.transform) for e in edges] == [
        ("a.png", "d.png", "bytes", "identity"),
        ("a.png", "e.bmp", "pixels", "identity"),
        ("b.png", "f.jpg", "near", "turn90"),
        ("g.png", "h.bmp", "pixels", "identity"),
    ]
    assert all(e.distance == 0 for e in edges if e.kind != "near")


def test_near_ones_can_be_left_out(folder):
    assert {e.kind for e in find_duplicates(folder, near=False)} == {e.kind for e in find_duplicates(folder)} - {"near"}


def test_workers_change_nothing(folder):
    assert find_duplicates(folder, workers=1) == find_duplicates(folder, workers=3)


def test_an_unreadable_row_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"a\.png.*cannot be read"):
        find_duplicates(Manifest(tmp_path, (ImageRecord("a.png"),)))
