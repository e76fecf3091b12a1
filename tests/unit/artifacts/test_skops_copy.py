"""The estimators without a pickle: they say the same, in the same bytes, and nothing else is read."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import pytest

from ai_models.artifacts import load_estimators, load_model, save_bundle
from ai_models.artifacts.skops_copy import SKOPS_FILE, skops_copy
from ai_models.core.errors import BundleError, UntrustedError

skops = pytest.importorskip("skops.io")


def test_they_say_what_the_model_says_and_nothing_is_unpickled(tiny_model, split_textures, looked_up) -> None:
    model = load_model(tiny_model)
    X = model.extractor.extract_batch(split_textures.files)
    with looked_up() as heard:
        scaler, ensemble = load_estimators(tiny_model)
    assert not heard
    assert (ensemble.predict_proba(scaler.transform(X)) == model.probabilities_of(X)).all() or (
        abs(ensemble.predict_proba(scaler.transform(X)) - model.probabilities_of(X)).max() < 1e-9
    )


def test_a_model_gives_equal_bytes_wherever_in_memory_it_lies(tiny_model) -> None:
    one, other = load_model(tiny_model), load_model(tiny_model)
    assert skops_copy(one.scaler, one.ensemble) == skops_copy(other.scaler, other.ensemble)


def test_other_types_are_refused(tiny_model: Path, relist, tmp_path: Path, monkeypatch) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))

    def said(data: bytes) -> str:
        (folder / SKOPS_FILE).write_bytes(data)
        relist(folder)
        with pytest.raises(BundleError) as refused:
            load_estimators(folder)
        return str(refused.value)

    assert "pathlib" in said(skops.dumps({"scaler": Path("a"), "ensemble": 1}))
    assert "does not hold" in said(skops.dumps({"scaler": 1, "ensemble": 2}))
    assert "cannot be used" in said(b"PK")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", bytes(2000))
    monkeypatch.setattr("ai_models.artifacts.skops_copy.MOST_BYTES", 1000)
    assert "too much memory" in said(stream.getvalue())
    (folder / SKOPS_FILE).unlink()
    relist(folder)
    with pytest.raises(BundleError, match="written without"):
        load_estimators(folder)


def test_somebody_must_vouch_for_them_too(tiny_model, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AMULET_AI_TRUST_DIR", str(tmp_path / "notes"))
    with pytest.raises(UntrustedError):
        load_estimators(tiny_model)


def test_without_skops_a_model_is_written_without_them(tiny_model, tmp_path, monkeypatch) -> None:
    model = load_model(tiny_model)
    monkeypatch.setitem(__import__("sys").modules, "skops", None)
    folder = save_bundle(model, tmp_path / "model", {})
    assert not (folder / SKOPS_FILE).exists()
    load_model(folder)
