"""A model whose blocks see pictures of several sizes is given the file, not pixels made for one of them."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest

from ai_models.core.errors import ImageError
from ai_models.core.predictions import OodVerdict
from ai_models.core.settings import FeatureConfig
from ai_models.predictor import Predictor
from ai_models.serving.workers.judge import Judge


class _Model:
    classes = ("a", "b")

    def __init__(self, preset: str) -> None:
        self.extractor = types.SimpleNamespace(config=FeatureConfig(preset=preset), workers=0)
        self.seen: list[Any] = []

    def predict_batch(self, items: list[Any]) -> list[Any]:
        self.seen[:] = items
        bad = [isinstance(item, bytes) and item.endswith(b"cut") for item in items]
        return [types.SimpleNamespace(verdict=OodVerdict.UNREADABLE if b else OodVerdict.IN_DOMAIN) for b in bad]


@pytest.fixture
def predict():
    def told(preset: str, data: bytes, max_pixels: int = 64_000_000) -> Any:
        model = _Model(preset)
        (said,) = Judge(Predictor(model, "1"), max_pixels).judge([data])  # type: ignore[arg-type]
        if isinstance(said, Exception):
            raise said
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
