"""Golden inputs: the same for one model, nobody's photographs, and telling when answers differ."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ai_models.artifacts import Golden, load_model, read_golden
from ai_models.artifacts.canonical import canonical
from ai_models.artifacts.golden import GOLDEN_FILE, golden_images
from ai_models.core.errors import BundleError
from ai_models.core.predictions import OodVerdict
from ai_models.core.rng import generator


@pytest.mark.parametrize("name", ["tiny_model", "tiny_network_model", "two_networks_model"])
def test_a_loaded_model_answers_as_it_did_in_training(name: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(name)
    golden, model = read_golden(folder), load_model(folder)
    assert golden is not None
    assert golden.images.shape == (4, 64, 64, 3)
    assert golden.probabilities.shape == (4, len(model.classes))
    assert golden.features.shape == (4, model.scaler.n_features_in_)
    said = model.predict_batch(list(golden.images))
    assert golden.fault(said, tolerance=1e-9) == ""
    assert model.extractor.extract_batch(list(golden.images)) == pytest.approx(golden.features, rel=1e-6)


def test_one_model_has_one_file(tiny_model: Path) -> None:
    kept = (tiny_model / GOLDEN_FILE).read_bytes()
    assert Golden.of(load_model(tiny_model)).to_bytes() == kept
    assert Golden.from_bytes(kept).to_bytes() == kept


@pytest.mark.parametrize("side", [64, 224, 320])
def test_the_pictures_are_drawn_and_small_and_unlike_one_another(side: int) -> None:
    pictures = golden_images(side)
    assert (pictures == golden_images(side)).all()
    assert pictures.dtype == np.uint8
    assert all(picture.std() > 15 for picture in pictures)
    nothing = np.zeros((4, 1))
    packed = Golden(pictures, nothing.astype(np.float32), nothing, ("ood",) * 4).to_bytes()
    assert len(packed) < 4 * side * side  # a byte a pixel of three: far from the size of noise
    assert min(np.abs(a - b.astype(float)).mean() for i, a in enumerate(pictures) for b in pictures[:i]) > 15


def test_other_answers_are_told(tiny_model: Path) -> None:
    golden = read_golden(tiny_model)
    assert golden is not None
    said = load_model(tiny_model).predict_batch(list(golden.images))
    moved = said.probabilities + np.array([0.002, -0.002, 0.0])
    assert "off by 0.002, expected at most 0.001" in golden.fault(replace(said, probabilities=moved))
    assert golden.fault(replace(said, probabilities=moved), tolerance=0.01) == ""
    assert "off by nan" in golden.fault(replace(said, probabilities=moved * np.nan))
    assert "expected (4, 3)" in golden.fault(replace(said, probabilities=moved[:, :2]))
    other = OodVerdict.UNSURE if said.verdicts[2] is not OodVerdict.UNSURE else OodVerdict.OOD
    turned = replace(said, verdicts=(*said.verdicts[:2], other, said.verdicts[3]))
    assert f"picture 2 has the verdict '{other}'" in golden.fault(turned)


def test_a_directory_without_them_has_none_and_damage_is_told(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    bundle = json.loads((folder / "bundle.json").read_text("utf-8"))
    data = bytearray((folder / GOLDEN_FILE).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / GOLDEN_FILE).write_bytes(bytes(data))
    with pytest.raises(BundleError, match=GOLDEN_FILE):
        read_golden(folder)
    del bundle["files"][GOLDEN_FILE]
    (folder / "bundle.json").write_bytes(canonical(bundle))
    assert read_golden(folder) is None


def test_nothing_but_golden_inputs_is_read(tiny_model: Path) -> None:
    whole = (tiny_model / GOLDEN_FILE).read_bytes()
    rng = generator(0, "damaged golden inputs")
    for _ in range(200):
        data = bytearray(whole)
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        try:
            read = Golden.from_bytes(bytes(data))
        except ValueError:
            continue
        assert (read.images == Golden.from_bytes(whole).images).all()  # a bit that says nothing, such as a date
    for data in (b"", b"PK", whole[:100], np.zeros(3).tobytes()):
        with pytest.raises(ValueError, match="golden"):
            Golden.from_bytes(data)
