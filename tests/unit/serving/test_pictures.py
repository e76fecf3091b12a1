"""Small pictures of training photographs: in a model only where asked for, shown, and taken out again."""

from __future__ import annotations

import base64
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ai_models.artifacts import load_model, read_bundle, verify_bundle
from ai_models.artifacts.amending import amend_bundle
from ai_models.artifacts.pictures import PICTURES_FILE, packed_pictures, read_pictures, unpacked_pictures
from ai_models.core.errors import BundleError, DataError, UntrustedError
from ai_models.core.records import Split
from ai_models.evidence import known_photographs
from ai_models.serving.explanation import Explanations
from ai_models.serving.pictures import drop_pictures, keep_pictures


@pytest.fixture
def model_dir(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_none_are_kept_unless_asked_for(tiny_model):
    assert PICTURES_FILE not in read_bundle(tiny_model)["files"]
    assert read_pictures(tiny_model) == {}


def test_kept_and_removed_the_model_is_what_it_was(model_dir, photograph):
    before, said = _files(model_dir), load_model(model_dir).predict_one(photograph)
    kept = keep_pictures(model_dir, 40)
    training = known_photographs(model_dir).on(Split.TRAIN).originals()
    assert (kept.pictures, kept.of, kept.signed) == (len(training), len(training), False)
    verify_bundle(model_dir)
    assert load_model(model_dir).predict_one(photograph) == said
    pictures = read_pictures(model_dir)
    assert list(pictures) == [record.path for record in training]
    for record, file in zip(training, training.files, strict=True):
        small = Image.open(io.BytesIO(pictures[record.path]))
        assert (small.format, max(small.size), len(small.getexif())) == ("WEBP", 40, 0)
        full = Image.open(file).convert("RGB").resize(small.size, Image.Resampling.BOX)
        assert np.abs(np.asarray(small, dtype=float) - np.asarray(full, dtype=float)).mean() < 40
    drop_pictures(model_dir)
    assert _files(model_dir) == before
    with pytest.raises(DataError, match="holds no pictures"):
        drop_pictures(model_dir)


def test_they_are_shown_beside_the_nearest(model_dir, photograph):
    keep_pictures(model_dir, 40)
    content, _ = Explanations.load(model_dir, load_model(model_dir), 10**6).explain(photograph.read_bytes())
    pictures = {base64.b64encode(data).decode() for data in read_pictures(model_dir).values()}
    shown = [one["picture"].removeprefix("data:image/webp;base64,") for one in content["nearest"]]
    assert len(set(shown)) == len(shown) == 5
    assert set(shown) <= pictures
    bare, _ = Explanations.load(model_dir, load_model(model_dir), 10**6).explain(photograph.read_bytes())
    drop_pictures(model_dir)
    bare, _ = Explanations.load(model_dir, load_model(model_dir), 10**6).explain(photograph.read_bytes())
    assert [one["picture"] for one in bare["nearest"]] == [""] * 5


def test_a_photograph_that_is_gone_or_another_is_left_out(model_dir, tmp_path):
    folder = tmp_path / "photographs"
    known = known_photographs(model_dir)
    shutil.copytree(known.root, folder)
    training = known.on(Split.TRAIN).originals()
    first, second = (folder / record.path for record in list(training)[:2])
    first.unlink()
    shutil.copy(folder / list(training)[2].path, second)
    config = json.loads((model_dir / "training_config.json").read_text())
    amend_bundle(model_dir, added={"training_config.json": json.dumps({**config, "data_root": str(folder)}).encode()})
    assert keep_pictures(model_dir, 40).pictures == len(training) - 2
    shutil.rmtree(folder)
    with pytest.raises(DataError, match="none of the"):
        keep_pictures(model_dir, 40)


def test_a_file_that_was_altered_is_not_read(model_dir):
    keep_pictures(model_dir, 40)
    data = (model_dir / PICTURES_FILE).read_bytes()
    (model_dir / PICTURES_FILE).write_bytes(data[:-1] + b"?")
    with pytest.raises(BundleError, match="SHA-256 differs"):
        read_pictures(model_dir)
    (model_dir / PICTURES_FILE).write_bytes(data)
    amend_bundle(model_dir, added={PICTURES_FILE: b"no npz"})
    with pytest.raises(BundleError, match="cannot be read"):
        read_pictures(model_dir)


def test_a_model_that_nobody_vouches_for_is_not_changed(model_dir, monkeypatch, tmp_path):
    before = _files(model_dir)
    monkeypatch.setenv("AMULET_AI_TRUST_DIR", str(tmp_path / "another"))
    with pytest.raises(UntrustedError):
        keep_pictures(model_dir, 40)
    with pytest.raises(ValueError, match="not to be changed"):
        amend_bundle(model_dir, removed=("model.joblib",))
    assert _files(model_dir) == before


def test_any_name_comes_back():
    pictures = {"ก/ข.jpg": b"one", "caf\udce9.png": b"", "c": b"three"}
    assert unpacked_pictures(packed_pictures(pictures)) == pictures
