"""The table of features on disk: the same whether it is made at once or part by part."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import skimage.data

from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.settings import FeatureConfig
from ai_models.features import HybridFeatureExtractor, table
from ai_models.features.table import write_features


@pytest.fixture
def manifest(tmp_path):
    picture = skimage.data.astronaut()
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(14):
        cv2.imwrite(str(folder / f"{i:02}.png"), picture[i * 9 : i * 9 + 150, i * 7 : i * 7 + 160, ::-1])
    rows = (ImageRecord(f"{i:02}.png", label="a", split=Split.TRAIN if i % 2 else Split.TEST) for i in range(14))
    return Manifest(folder, tuple(rows))


def settings(tmp_path, **changes):
    return FeatureConfig(
        **{"use_cnn_features": False, "image_size": 64, "cache_dir": str(tmp_path / "cache"), **changes}
    )


def test_the_codebook_is_that_of_the_training_rows(tmp_path, manifest):
    features = settings(tmp_path)
    told = write_features(manifest, tmp_path / "out", features=features, seed=3)
    written = np.load(tmp_path / "out" / "features.npy", allow_pickle=False)
    extractor = HybridFeatureExtractor(features, seed=3).fit([f for i, f in enumerate(manifest.files) if i % 2])
    np.testing.assert_array_equal(written, extractor.transform(manifest.files))
    assert written.dtype == np.float32
    assert told.shape == written.shape
    described = json.loads((tmp_path / "out" / "features.json").read_text())
    assert described["rows"] == 14
    assert len(described["names"]) == written.shape[1]


@pytest.mark.parametrize("changes", [{}, {"use_sift_features": False}, {"cache_features": False}], ids=str)
def test_part_by_part_is_the_same_bytes(tmp_path, manifest, monkeypatch, changes):
    features = settings(tmp_path, **changes)
    write_features(manifest, tmp_path / "once", features=features)
    monkeypatch.setattr(table, "_IN_MEMORY", 13)  # 7 training rows still fit
    held = []
    encode = HybridFeatureExtractor.encode
    monkeypatch.setattr(HybridFeatureExtractor, "encode", lambda s, raw: held.append(len(raw)) or encode(s, raw))
    write_features(manifest, tmp_path / "parts", features=features)
    assert max(held) < 14
    assert sum(held) == 14
    for name in ("features.npy", "features.json"):
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


def test_a_large_codebook_is_fitted_on_some_training_rows(tmp_path, manifest, monkeypatch):
    fitted = []
    fit = HybridFeatureExtractor.fit_raw
    monkeypatch.setattr(HybridFeatureExtractor, "fit_raw", lambda s, raw: fitted.append(len(raw)) or fit(s, raw))
    monkeypatch.setattr(table, "_IN_MEMORY", 4)
    write_features(manifest, tmp_path / "a", features=settings(tmp_path))
    write_features(manifest, tmp_path / "b", features=settings(tmp_path), workers=1)
    assert fitted == [4, 4]
    assert (tmp_path / "a" / "features.npy").read_bytes() == (tmp_path / "b" / "features.npy").read_bytes()
