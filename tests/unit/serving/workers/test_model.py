"""The model as workers load it: what it says to the golden pictures is looked at before it may be asked."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ai_models.artifacts.golden import read_golden
from ai_models.core.errors import BundleError, ImageError
from ai_models.predictor import Predictor
from ai_models.serving.workers.answers import Fault, from_json, to_json
from ai_models.serving.workers.judge import Judge
from ai_models.serving.workers.model import Model
from ai_models.serving.workers.wire import PREDICT, Message


def test_a_model_that_says_what_it_said_is_taken(tiny_model):
    model = Model.load(model_dir=str(tiny_model), max_pixels=1000)
    assert model.about()["classes"] == ["blobs", "checks", "ลายทาง"]
    assert read_golden(tiny_model) is not None


def test_one_that_says_something_else_is_refused(tiny_model, monkeypatch):
    golden = read_golden(tiny_model)
    other = dataclasses.replace(golden, probabilities=np.roll(golden.probabilities, 1, axis=1))
    monkeypatch.setattr("ai_models.predictor.read_golden", lambda directory: other)
    with pytest.raises(BundleError, match="does not say here what it said in training"):
        Model.load(model_dir=str(tiny_model), max_pixels=1000)


def test_images_are_judged_each_on_its_own(tiny_model, texture_folder):
    predictor = Predictor.load(tiny_model)
    model = Model(predictor, 10_000, str(tiny_model))
    files = [path.read_bytes() for path in sorted(texture_folder.glob("*/0[0-2].png"))]
    sent = [files[0], b"nothing", *files[1:], b""]
    (answer,) = model.answer(Message(PREDICT, tuple(sent)))
    said = from_json(answer)
    assert [i for i, one in enumerate(said) if isinstance(one, ImageError)] == [1, len(sent) - 1]
    for data, one in zip(sent, said, strict=True):
        if not isinstance(one, ImageError):
            alone = predictor.predict(data)
            assert one.predicted_class == alone.predicted_class
            assert one.probabilities == pytest.approx(dict(alone.probabilities), abs=1e-9)
            assert (one.verdict, one.prediction_set, one.detail) == (alone.verdict, alone.prediction_set, alone.detail)


def test_a_fault_with_one_image_is_not_that_of_the_others(tiny_model, texture_folder, monkeypatch):
    predictor = Predictor.load(tiny_model)
    real = predictor.predict_many

    def broken(images):
        if any(image[0, 0, 0] == 7 for image in images):
            raise RuntimeError("a fault")
        return real(images)

    monkeypatch.setattr(predictor, "predict_many", broken)
    data = (texture_folder / "checks" / "00.png").read_bytes()
    pixels = iter(
        [np.full((64, 64, 3), 9, np.uint8), np.full((64, 64, 3), 7, np.uint8), np.full((64, 64, 3), 8, np.uint8)]
    )
    judge = Judge(predictor, 10_000)
    monkeypatch.setattr(judge, "_read", lambda data: next(pixels))
    said = judge.judge([data] * 3)
    assert said[1] == Fault("RuntimeError")
    assert not any(isinstance(said[i], Fault) for i in (0, 2))


def test_answers_come_back_as_they_were(tiny_model, texture_folder):
    one = Predictor.load(tiny_model).predict(texture_folder / "checks" / "00.png")
    none = dataclasses.replace(one, confidence=float("nan"), predicted_class="caf\udce9")
    back, nan, error, fault = from_json(to_json([one, none, ImageError("bomb", "large"), Fault("X")]))
    assert back == one
    assert np.isnan(nan.confidence)
    assert nan.predicted_class == "caf\udce9"
    assert (error.verdict, error.detail, fault) == ("bomb", "large", Fault("X"))
