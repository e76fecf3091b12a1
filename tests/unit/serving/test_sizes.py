"""A model whose blocks see pictures of several sizes is given the file, not pixels made for one of them."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest

from ai_models.core.errors import ImageError
from ai_models.core.predictions import OodVerdict
from ai_models.core.settings import FeatureConfig
from ai_models.predictor import Predictor as WarmPredictor
from ai_models.serving.predictor import Predictor
from ai_models.serving.settings import ServiceSettings


class _Model:
    classes = ("a", "b")

    def __init__(self, preset: str) -> None:
        self.extractor = types.SimpleNamespace(config=FeatureConfig(preset=preset), workers=0)
        self.seen: list[Any] = []

    def predict_batch(self, items: list[Any]) -> None:
        pass

    def predict_one(self, item: Any) -> Any:
        self.seen.append(item)
        bad = isinstance(item, bytes) and item.endswith(b"cut")
        return types.SimpleNamespace(verdict=OodVerdict.UNREADABLE if bad else OodVerdict.IN_DOMAIN)


@pytest.fixture
def predict():
    def told(preset: str, data: bytes, **limits: int) -> Any:
        model = _Model(preset)
        Predictor(WarmPredictor(model, "1"), ServiceSettings(**limits))._predict(lambda: data)  # type: ignore[arg-type]
        return model.seen[0]

    return told


def test_what_the_model_is_given(predict, encoded):
    data = encoded("JPEG", (1200, 1200))
    assert predict("accurate", data) == data
    assert np.asarray(predict("fast", data)).shape == (300, 300, 3)  # decoded at a quarter, for 224


def test_faults_stay_typed(predict, encoded):
    data = encoded("PNG", (64, 64))
    with pytest.raises(ImageError, match="more than the 1,000"):
        predict("accurate", data, max_pixels=1000)
    with pytest.raises(ImageError, match="unsupported"):
        predict("accurate", b"no picture, cut")
    with pytest.raises(ImageError, match="truncated"):
        predict("accurate", data[:-30] + b"cut")
