"""A limit on the cost of an image: what does not fit is neither tried nor carried, and this is said."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from ai_models.artifacts import load_model
from ai_models.core.errors import ConfigError
from ai_models.core.records import Manifest
from ai_models.core.settings import FeatureConfig, PreprocessConfig, TrainingConfig
from ai_models.features.costs import READING
from ai_models.training import cost_limit, train_model
from ai_models.training.cost_limit import within_limit

COSTS = {READING: 2.0, "hog": 5.0, "lbp": 1.0, "colour": 1.0}


def test_nothing_is_left_out_of_a_generous_limit(
    split_textures: Manifest, classical_features: FeatureConfig, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = within_limit(classical_features, PreprocessConfig(), split_textures.files, 10_000)
    assert found == (classical_features, ())
    assert "hog" in caplog.text
    assert "left out: nothing" in caplog.text


def test_a_limit_that_nothing_meets_is_refused(split_textures: Manifest, classical_features: FeatureConfig) -> None:
    with pytest.raises(ConfigError, match=r"max_ms_per_image must be at least .*cheapest block on this machine"):
        within_limit(classical_features, PreprocessConfig(), split_textures.files, 1e-6)


@pytest.mark.slow
def test_the_model_is_without_what_was_too_dear(
    split_textures: Manifest, classical_features: FeatureConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost_limit, "measure_costs", lambda *given: COSTS)
    training = TrainingConfig(quick_mode=True, workers=1, max_ms_per_image=5.0)
    folder = train_model(split_textures, tmp_path / "m", training=training, features=classical_features)
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    assert (metrics["blocks"], metrics["left_out_for_their_cost"]) == (["lbp", "colour"], ["hog"])
    model = load_model(folder)
    assert list(model.extractor.block_slices) == ["lbp", "colour"]
    kept = json.loads((folder / "training_config.json").read_text("utf-8"))
    assert kept["features"]["use_hog_features"] is False
    assert kept["training"]["max_ms_per_image"] == 5.0
    card = (folder / "MODEL_CARD.md").read_text("utf-8")
    assert "Left out: hog. The features of an image were to take at most 5 ms" in card
