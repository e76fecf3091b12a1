"""Model directories: what was saved is what is loaded, and nothing altered is."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest

from ai_models.artifacts import load_model, opening, read_bundle, verify_bundle
from ai_models.artifacts.canonical import canonical
from ai_models.artifacts.digest import state_digest
from ai_models.artifacts.folder import BundleFolder
from ai_models.core.errors import BundleError
from ai_models.core.records import Manifest, Split

FILES = {
    "model.joblib", "ensemble_model.joblib", "scaler.joblib", "label_encoder.joblib", "training_config.json",
    "metrics.json", "manifest.csv", "oof_predictions.csv", "training_features.npy", "MODEL_CARD.md", "golden.npz",
    "estimators.skops",
}  # fmt: skip


@pytest.fixture
def copy(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "moved"))


def test_the_bundle_lists_every_file_with_its_hash(tiny_model: Path) -> None:
    bundle = verify_bundle(tiny_model)
    assert set(bundle["files"]) == FILES
    for name, entry in bundle["files"].items():
        data = (tiny_model / name).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert bundle["classes"] == ["blobs", "checks", "ลายทาง"]
    assert (bundle["format"], bundle["model_version"]) == (3, 1)


def test_loading_gives_the_same_predictions_after_a_move(
    tiny_model: Path, copy: Path, split_textures: Manifest
) -> None:
    files = split_textures.on(Split.TEST).files
    moved = load_model(copy)
    assert (moved.predict_proba(files) == load_model(tiny_model).predict_proba(files)).all()
    assert (moved.predict(files) == split_textures.on(Split.TEST).labels).mean() > 0.8


def test_a_loaded_model_keeps_nothing_of_what_it_is_shown(
    tiny_model: Path, split_textures: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    load_model(tiny_model).predict(split_textures.files[:3])
    assert not list(tmp_path.iterdir())


def test_the_three_parts_are_the_model(tiny_model: Path, split_textures: Manifest) -> None:
    files = split_textures.files
    whole = joblib.load(tiny_model / "model.joblib")
    scaler, ensemble, labels = (
        joblib.load(tiny_model / f"{n}.joblib") for n in ("scaler", "ensemble_model", "label_encoder")
    )
    X = whole.extractor.extract_batch(files)
    assert ensemble.predict_proba(scaler.transform(X)) == pytest.approx(whole.predict_proba(files), abs=1e-9)
    assert labels.inverse_transform(ensemble.predict(scaler.transform(X))).tolist() == whole.predict(files).tolist()


def test_another_process_loads_it_with_one_line_of_joblib(tiny_model: Path, split_textures: Manifest) -> None:
    program = (
        "import joblib, sys\n"
        "model = joblib.load(sys.argv[1] + '/model.joblib')\n"
        "print(model.predict([sys.argv[2]])[0] == sys.argv[3], model.predict_one(sys.argv[2]).verdict)\n"
        "print(sorted({'torch', 'timm', 'matplotlib', 'click'} & set(sys.modules)))\n"
    )
    row = split_textures.on(Split.TRAIN).records[0]
    call = [sys.executable, "-c", program, str(tiny_model), str(split_textures.root / row.path), row.label]
    out = subprocess.run(call, capture_output=True, text=True, check=True, cwd="/").stdout.splitlines()
    assert out[0].startswith("True")
    assert out[1] == "[]"


@pytest.mark.parametrize("name", ["model.joblib", "manifest.csv"])
def test_one_changed_bit_is_refused(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(bytes(data))
    with pytest.raises(BundleError, match=f"{name}.*SHA-256 differs"):
        verify_bundle(copy)


def test_nothing_is_unpickled_before_its_hash_is_checked(copy: Path, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (trap,)

    joblib.dump(Trap(), copy / "model.joblib")
    with pytest.raises(BundleError, match="nothing was loaded"):
        load_model(copy)
    assert not trap.exists()


def test_each_file_is_read_once_and_the_model_after_all_others_are_checked(copy: Path, monkeypatch) -> None:
    done: list[str] = []
    read, unpickle = BundleFolder.read, opening.unpickle
    monkeypatch.setattr(BundleFolder, "read", lambda self, name, most: done.append(name) or read(self, name, most))
    monkeypatch.setattr(opening, "unpickle", lambda *given: done.append("unpickled") or unpickle(*given))
    load_model(copy)
    assert done[0] == "bundle.json"
    assert done[-1] == "unpickled"
    assert sorted(done[1:-1]) == sorted({*FILES, "model.sig"})


def test_missing_files_and_foreign_folders_are_told(copy: Path, tmp_path: Path) -> None:
    (copy / "model.joblib").unlink()
    with pytest.raises(BundleError, match="cannot be read"):
        load_model(copy)
    with pytest.raises(BundleError, match="not a model directory"):
        load_model(tmp_path)


def _edited(folder: Path, **changes: object) -> None:
    path = folder / "bundle.json"
    path.write_bytes(canonical({**json.loads(path.read_bytes()), **changes}))


def test_other_formats_and_versions_are_refused(copy: Path) -> None:
    libraries = read_bundle(copy)["libraries"]
    _edited(copy, libraries={**libraries, "scikit-learn": "0.24.0"})
    with pytest.raises(BundleError, match=r"pip install 'scikit-learn==0\.24\.0'"):
        load_model(copy, allow_unsigned=True)
    for other in (1, 99):
        _edited(copy, libraries=libraries, format=other)
        with pytest.raises(BundleError, match=f"format {other}, this version reads 2 and 3: .* or train again"):
            load_model(copy)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2}', '{"format": 2, "files": []}'])
def test_a_damaged_bundle_is_one_sentence(copy: Path, text: str) -> None:
    (copy / "bundle.json").write_text(text, encoding="utf-8")
    with pytest.raises(BundleError, match="damaged"):
        load_model(copy)


def test_paths_out_of_the_folder_are_refused(copy: Path) -> None:
    files = read_bundle(copy)["files"]
    _edited(copy, files={**files, "../outside": files["manifest.csv"]})
    with pytest.raises(BundleError, match="not a plain file name"):
        verify_bundle(copy)


def test_digest_is_about_values() -> None:
    value = {"b": np.arange(3.0), "a": [1, "x", (2, None)], "s": slice(0, 4)}
    assert state_digest(value) == state_digest(dict(reversed(value.items())))
    assert state_digest(value) != state_digest({**value, "b": np.array([0.0, 1.0, np.nextafter(2, 3)])})
    padded = np.zeros(2, dtype=np.dtype([("a", "u1"), ("b", "f8")], align=True))
    other = np.frombuffer(bytes([0] + [9] * 7 + [0] * 24), dtype=padded.dtype)
    assert state_digest(padded) == state_digest(other)
    loop: list[object] = []
    loop.append(loop)
    assert state_digest(loop) == state_digest(loop)


def test_equal_models_have_equal_digests(tiny_model: Path) -> None:
    assert state_digest(load_model(tiny_model)) == state_digest(load_model(tiny_model))
