"""What an image may cost: blocks are measured one image at a time, and what does not fit is left out by its worth."""

from __future__ import annotations

import time

import numpy as np
import pytest

from ai_models.core.settings import FeatureConfig, PreprocessConfig
from ai_models.features import BaseFeatureExtractor
from ai_models.features.costs import READING, affordable, measure_costs

COSTS = {READING: 3.0, "cnn": 8.0, "cnn_wide": 40.0, "hog": 1.0, "lbp": 0.5, "sift": 6.0, "colour": 0.5, "own": 2.0}


@pytest.mark.parametrize(
    ("limit", "kept"),
    [
        (61.0, ("cnn", "cnn_wide", "hog", "lbp", "sift", "colour", "own")),
        (60.9, ("cnn", "cnn_wide", "hog", "lbp", "sift", "colour")),
        (30.0, ("cnn", "hog", "lbp", "sift", "colour", "own")),
        (14.0, ("cnn", "hog", "lbp", "colour")),
        (10.0, ("hog", "lbp", "colour", "own")),
        (3.5, ("colour",)),
        (3.4, ()),
    ],
)
def test_blocks_are_kept_by_their_worth_within_the_limit(limit, kept):
    found = affordable(COSTS, limit)
    assert found.blocks == kept
    assert set(found.left_out) == set(COSTS) - {READING} - set(kept)
    assert COSTS[READING] + sum(COSTS[name] for name in kept) <= limit or not kept
    assert f"left out: {', '.join(found.left_out) or 'nothing'}" in str(found)


class _Busy(BaseFeatureExtractor):
    """Computes for a while, more the first time, and waits, which is not its own time."""

    name = "busy"
    first = True

    def extract_features(self, image: np.ndarray) -> np.ndarray:
        until = time.thread_time() + (0.2 if self.first else 0.02)
        self.first = False
        while time.thread_time() < until:
            pass
        time.sleep(0.03)
        return np.zeros(1, dtype=np.float32)

    def get_feature_names(self) -> list[str]:
        return ["0"]


class _Wide(_Busy):
    name = "wide"
    size_field = "wide_image_size"


class _OnCuda(_Busy):
    name = "gpu"

    def backend(self) -> str:
        return "torch-fp32-cuda"


def test_the_time_of_the_thread_is_measured_warm_and_each_size_is_charged():
    config = FeatureConfig(preset="accurate", wide_image_size=1000)
    items = [np.random.default_rng(i).integers(0, 256, (2000, 2000, 3), dtype=np.uint8) for i in range(2)]
    costs = measure_costs([_Busy(config), _Wide(config), _OnCuda(config)], items, PreprocessConfig())
    assert list(costs) == [READING, "busy", "wide", "gpu"]
    assert costs["busy"] == pytest.approx(20, abs=3)
    assert costs["wide"] > costs["busy"]  # and a reduction of its own
    assert costs["gpu"] > 45  # by the clock
    assert 0 < costs[READING] < 200


def test_settings_with_some_blocks():
    config = FeatureConfig(preset="auto", custom_blocks=("a", "b"), wide_image_size=260)
    same = config.with_blocks("cnn", "cnn_wide", "stages", "hog", "lbp", "sift", "colour", "a", "b")
    assert same == config
    fewer = config.with_blocks("cnn", "hog", "b")
    assert (fewer.networks, fewer.custom_blocks, fewer.preset) == (("cnn",), ("b",), "fast")
    assert (fewer.use_hog_features, fewer.use_sift_features, fewer.use_lbp_features) == (True, False, False)
    none = config.with_blocks("hog")
    assert (none.networks, none.use_hog_features, none.use_colour_features) == ((), True, False)
