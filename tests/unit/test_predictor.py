"""The warm predictor says what the model says, waits for nothing, writes nothing, and may be asked by many."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import ai_models
from ai_models import execution
from ai_models.artifacts import load_model, read_bundle
from ai_models.core.errors import BundleError, DataError
from ai_models.core.images import read_image
from ai_models.core.predictions import OodVerdict
from ai_models.ensemble.compiled import CompiledPipeline, CompiledVote, IsolationForests
from ai_models.predictor import Predictor


@pytest.fixture(scope="module")
def predictor(tiny_model: Path) -> Predictor:
    return Predictor.load(tiny_model)


@pytest.fixture
def files(texture_folder: Path) -> list[Path]:
    return sorted(texture_folder.rglob("*.png"))[::3]


def test_it_says_what_the_model_says_of_a_batch(predictor, tiny_model, files):
    batch = load_model(tiny_model).predict_batch(files)
    for file, expected in zip(files, batch, strict=True):
        for image in (file, str(file), file.read_bytes(), read_image(file)):
            said = predictor.predict(image)
            assert said.probabilities == pytest.approx(dict(expected.probabilities), abs=1e-6)
            assert said.ood_score == pytest.approx(expected.ood_score, rel=1e-6)
            assert (said.ood_p_value, said.prediction_set, said.verdict, said.reason, said.detail) == (
                expected.ood_p_value, expected.prediction_set, expected.verdict, expected.reason, expected.detail
            )  # fmt: skip


def test_what_is_no_image_has_a_verdict_and_what_is_no_source_is_refused(predictor, tmp_path):
    said = predictor.predict(b"no picture")
    assert said.verdict is OodVerdict.UNREADABLE
    assert "unsupported" in said.detail
    assert predictor.predict(tmp_path / "absent.jpg").verdict is OodVerdict.UNREADABLE
    with pytest.raises(DataError, match="an image must be a path, bytes or an RGB uint8 array, got int"):
        predictor.predict(7)


def test_nothing_is_made_at_the_first_answer(tiny_model, files, monkeypatch):
    predictor = Predictor.load(tiny_model)

    def made(*given, **named):
        raise AssertionError("made too late")

    for kind in (CompiledPipeline, CompiledVote, IsolationForests):
        monkeypatch.setattr(kind, "__init__", made)
    monkeypatch.setattr(execution, "ThreadPoolExecutor", made)
    predictor.predict(files[0])
    with pytest.raises(AssertionError, match="made too late"):
        load_model(tiny_model).predict_one(files[0])


def test_the_model_is_not_changed_and_nothing_is_written(tiny_model, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = load_model(tiny_model)
    model.extractor.config = model.extractor.config.replace(cache_features=True, cache_dir=str(tmp_path / "cache"))
    before = (model.extractor.config, model.extractor.workers)
    Predictor(model).predict(files[0])
    assert (model.extractor.config, model.extractor.workers) == before
    assert list(tmp_path.iterdir()) == []


def test_many_threads_get_what_each_would_get_alone(tiny_model, files):
    expected = [Predictor.load(tiny_model).predict(file) for file in files]
    fresh = Predictor.load(tiny_model)
    found: dict[int, list[object]] = {}
    gate = threading.Barrier(6)

    def ask(number: int) -> None:
        gate.wait()
        found[number] = [fresh.predict(file) for file in files]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[number] == expected for number in range(6)] == [True] * 6


def test_what_it_tells_of_the_model(predictor, tiny_model):
    bundle = read_bundle(tiny_model)
    assert predictor.classes == tuple(bundle["classes"])
    assert len(predictor.version) == 12
    assert bundle["model_digest"].startswith(predictor.version)
    assert predictor.image_sizes == (64,)


def test_an_altered_model_is_not_loaded(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "model")
    with (tmp_path / "model" / "model.joblib").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(BundleError, match="is not the file that training wrote"):
        Predictor.load(tmp_path / "model")


def test_it_needs_the_base_install_alone(tiny_model, files):
    script = f"""
import sys
banned = ("torch", "torchvision", "timm", "pandas", "matplotlib", "fastapi", "jinja2", "click")
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in banned:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
from ai_models import Predictor
print(Predictor.load({str(tiny_model)!r}).predict({str(files[0])!r}).predicted_class != "")
"""
    root = str(Path(ai_models.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=False)
    assert done.stdout == "True\n", done.stderr


def test_rows_alone_and_in_a_batch_have_one_p_value(tiny_model, files):
    model = load_model(tiny_model)
    raw = model.extractor.extract_raw(files, label="")
    batch = model.judge_raw(raw)
    for i in range(len(files)):
        alone = model.judge_raw(raw.take([i]))
        np.testing.assert_array_equal(alone.ood_p_values, batch.ood_p_values[i : i + 1])
        np.testing.assert_array_equal(alone.sets, batch.sets[i : i + 1])
