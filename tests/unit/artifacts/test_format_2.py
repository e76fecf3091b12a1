"""A model of the format before: it goes on opening, where the user trusts it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from ai_models.artifacts import load_model, open_model, read_bundle, verify_bundle
from ai_models.artifacts.signing import sign_bundle, trust_bundle
from ai_models.core.errors import BundleError, UntrustedError

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN / "bundle-format-2", tmp_path / "old"))


def _fits(folder: Path) -> bool:
    made = read_bundle(folder)["libraries"]
    here = {name: importlib.metadata.version(name) for name in ("numpy", "scikit-learn")}
    return made["numpy"].split(".")[0] == here["numpy"].split(".")[0] and (
        made["scikit-learn"].split(".")[:2] == here["scikit-learn"].split(".")[:2]
    )


def _pictures() -> list[bytes]:
    spec = importlib.util.spec_from_file_location("make_bundle", GOLDEN / "make_bundle.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [module.picture(kind, 100 + kind) for kind in range(3)]


def test_it_opens_and_says_what_it_said(old: Path) -> None:
    assert (read_bundle(old)["format"], read_bundle(old)["model_version"]) == (2, 1)
    if not _fits(old):  # a pickle is bound to its libraries
        with pytest.raises(BundleError, match="was made with"):
            load_model(old, allow_unsigned=True)
        return
    verify_bundle(old)
    with pytest.raises(UntrustedError, match="was not trained here"):
        load_model(old)
    opened = open_model(old, allow_unsigned=True)
    assert opened.standing.kind == "unsigned"
    expected = json.loads((old / "training_config.json").read_bytes())
    assert list(opened.model.classes) == expected["classes"]
    for said, was in zip(opened.model.predict_proba(_pictures()).tolist(), expected["probabilities"], strict=True):
        assert said == pytest.approx(was, abs=1e-6)
    trust_bundle(old)
    assert open_model(old).standing.kind == "local"


def test_it_is_never_signed(old: Path, tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    from ai_models.artifacts.keys import make_key

    if not _fits(old):
        pytest.skip("its libraries are not here")
    trust_bundle(old)
    with pytest.raises(BundleError, match="format 2, which cannot be signed"):
        sign_bundle(old, make_key("ed25519", tmp_path / "key.pem")[0])
    (old / "model.sig").write_bytes((GOLDEN / "bundle-format-2" / "bundle.json").read_bytes())
    with pytest.raises(BundleError, match="not a signature"):
        load_model(old, allow_unsigned=True)


def test_a_key_twice_is_refused(old: Path) -> None:
    text = (old / "bundle.json").read_text("utf-8")
    (old / "bundle.json").write_text(text.replace('"format": 2', '"format": 2, "format": 2'), encoding="utf-8")
    with pytest.raises(BundleError, match="twice"):
        read_bundle(old)
