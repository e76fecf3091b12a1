import shutil
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from ai_models.core.errors import DataError
from ai_models.core.images import read_image
from ai_models.core.records import ImageRecord, Manifest
from ai_models.duplicates import candidates, find_duplicates


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
    edges = find_duplicates(folder).edges
    assert [(e.a, e.b, e.kind, e.transform) for e in edges] == [
        ("a.png", "d.png", "bytes", "identity"),
        ("a.png", "e.bmp", "pixels", "identity"),
        ("b.png", "f.jpg", "near", "turn90"),
        ("g.png", "h.bmp", "pixels", "identity"),
    ]
    assert all(e.distance == 0 for e in edges if e.kind != "near")


def test_near_ones_can_be_left_out(folder):
    assert {e.kind for e in find_duplicates(folder, near=False).edges} == {"bytes", "pixels"}


def test_workers_change_nothing(folder):
    assert find_duplicates(folder, workers=1) == find_duplicates(folder, workers=3)


def test_an_unreadable_row_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"a\.png.*cannot be read"):
        find_duplicates(Manifest(tmp_path, (ImageRecord("a.png"),)))


def test_pictures_that_lie_over_one_another_are_joined(drawn, turned, cropped, tmp_path):
    for i, image in enumerate(drawn[:12]):
        Image.fromarray(image).save(tmp_path / f"{i:02d}.png")
    Image.fromarray(turned(drawn[3], 12)).save(tmp_path / "turned.png")
    Image.fromarray(cropped(np.ascontiguousarray(drawn[5][:, ::-1]), 20, 10)).save(tmp_path / "mirrored.jpg")
    manifest = Manifest(tmp_path, tuple(ImageRecord(p.name) for p in sorted(tmp_path.iterdir())))
    found = find_duplicates(manifest)
    assert [(e.a, e.b, e.kind, e.transform) for e in found.edges] == [
        ("03.png", "turned.png", "registered", "identity"),
        ("05.png", "mirrored.jpg", "registered", "mirror"),
    ]
    assert all(e.inliers >= 8 and 0 <= e.false_discovery < 0.5 and e.distance < 0.7 for e in found.edges)
    assert found.null.pairs == len(found.registrable)


def test_a_large_folder_finds_its_candidates_by_embedding(drawn, turned, tmp_path, monkeypatch):
    """The same edges, with fewer pairs compared; the embedding is a stand-in for the network's."""
    for i, image in enumerate(drawn):
        Image.fromarray(image).save(tmp_path / f"{i:02d}.png")
        Image.fromarray(turned(image, 10)).save(tmp_path / f"{i:02d}-turned.png")
    manifest = Manifest(tmp_path, tuple(ImageRecord(p.name) for p in sorted(tmp_path.iterdir())))
    whole = find_duplicates(manifest).edges
    assert len(whole) == len(drawn)

    def colours(self, files, **_):
        rows = [cv2.resize(read_image(f)[50:150, 50:150], (4, 4), interpolation=cv2.INTER_AREA) for f in files]
        centred = np.array([r.ravel() for r in rows], np.float32)
        return SimpleNamespace(blocks={"cnn": centred - centred.mean(axis=0)})

    monkeypatch.setattr(candidates, "ALL_PAIRS", 10)
    monkeypatch.setattr(candidates.HybridFeatureExtractor, "extract_raw", colours)
    assert [(e.a, e.b) for e in find_duplicates(manifest).edges] == [(e.a, e.b) for e in whole]
