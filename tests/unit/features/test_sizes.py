"""Blocks of several sizes: each from the photograph itself, and none changed by what else is computed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest
import skimage.data

from ai_models.core import images
from ai_models.core.settings import FeatureConfig, PreprocessConfig
from ai_models.features import BaseFeatureExtractor, HybridFeatureExtractor
from ai_models.features import hybrid as hybrid_module
from ai_models.features.extraction import block_key, working_image, working_images

NONE = PreprocessConfig()


class _Small(BaseFeatureExtractor):
    """Stands for the network of the small pictures."""

    name = "cnn"
    config_fields = ("backbone",)
    seen: ClassVar[Counter[str]] = Counter()

    def extract_features(self, image: np.ndarray) -> np.ndarray:
        self.seen[f"{self.name} {image.shape[0]}"] += 1
        return image.mean(axis=(0, 1)).astype(np.float32)

    def get_feature_names(self) -> list[str]:
        return ["r", "g", "b"]


class _Wide(_Small):
    name = "cnn_wide"
    config_fields = ("wide_backbone",)
    size_field = "wide_image_size"
    weights_field = "wide_weights"


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    real = hybrid_module.registered
    own = {"cnn": _Small, "cnn_wide": _Wide}
    monkeypatch.setattr(hybrid_module, "registered", lambda name: own.get(name) or real(name))
    _Small.seen.clear()
    return _Small.seen


def jpeg(side: int) -> bytes:
    picture = cv2.resize(skimage.data.astronaut(), (side, side), interpolation=cv2.INTER_AREA)
    ok, data = cv2.imencode(".jpg", picture[..., ::-1])
    assert ok
    return data.tobytes()


def config(folder: Path, **changes: object) -> FeatureConfig:
    usual = {
        "use_stages_features": False,
        "use_sift_features": False,
        "use_colour_features": False,
        "cache_dir": str(folder / "cache"),
    }
    return FeatureConfig(**{**usual, **changes})


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    done: list[tuple[int, int]] = []
    real = images.load
    monkeypatch.setattr(images, "load", lambda image: done.append(image.size) or real(image))
    return done


@pytest.mark.parametrize(("side", "scales"), [(400, [400]), (512, [256, 512]), (700, [350]), (3000, [375])])
def test_a_scale_that_serves_both_sizes_is_decoded_once(side, scales, decodings):
    data = jpeg(side)
    got = images.decode_for(data, (224, 320))
    assert decodings == [(n, n) for n in scales]
    for size in (224, 320):
        np.testing.assert_array_equal(got[size], images.decode(data, size=size))
        assert min(got[size].shape[:2]) >= min(size, side)  # never enlarged where the photograph has the pixels


@pytest.mark.parametrize("side", [300, 512, 1000])
def test_each_size_is_that_of_a_block_alone(side):
    data = jpeg(side)
    both = working_images(data, (224, 320), NONE)
    for size in (224, 320):
        np.testing.assert_array_equal(both[size], working_image(data, size, NONE))
    enlarged = images.resize(both[224], 320)
    assert np.abs(both[320].astype(int) - enlarged).mean() > 0.5  # from the photograph, not from the small square


def test_shared_pixels_are_preprocessed_once(monkeypatch):
    from ai_models.features import working

    done: list[tuple[int, ...]] = []
    monkeypatch.setattr(working, "preprocess", lambda pixels, config: done.append(pixels.shape) or pixels)
    working_images(skimage.data.astronaut(), (224, 320), NONE)
    working_images(jpeg(700), (224, 320), NONE)
    assert len(done) == 2
    working_images(jpeg(512), (224, 320), NONE)
    assert len(done) == 4


def test_hand_made_blocks_see_the_usual_size_beside_the_wide_network(tmp_path, stand_ins):
    data = jpeg(512)
    fast = HybridFeatureExtractor(config(tmp_path, cache_features=False)).extract_raw([data])
    for preset in ("balanced", "accurate", "auto"):
        raw = HybridFeatureExtractor(config(tmp_path, preset=preset, cache_features=False)).extract_raw([data])
        for name in ("hog", "lbp"):
            np.testing.assert_array_equal(raw.blocks[name], fast.blocks[name])
    assert stand_ins == {"cnn 224": 3, "cnn_wide 320": 3}


def test_the_second_network_is_all_that_is_computed_anew(tmp_path, stand_ins, decodings):
    files = [jpeg(512), jpeg(300), jpeg(700)]
    extractor = HybridFeatureExtractor(config(tmp_path))
    extractor.extract_raw(files)
    assert stand_ins == {"cnn 224": 3}
    stand_ins.clear(), decodings.clear()
    more = HybridFeatureExtractor(config(tmp_path, preset="accurate")).extract_raw(files)
    assert list(more.blocks) == ["cnn", "cnn_wide", "hog", "lbp"]
    assert stand_ins == {"cnn_wide 320": 3}
    assert len(decodings) == 3  # one scale each: what the small squares need is known
    stand_ins.clear(), decodings.clear()
    HybridFeatureExtractor(config(tmp_path, preset="balanced")).extract_raw(files)
    assert not stand_ins
    assert not decodings


def test_the_wide_networks_key_has_its_own_size_and_weights(tmp_path):
    def keys(**changes: object) -> tuple[str, str]:
        chosen = config(tmp_path, preset="accurate", **changes)
        return block_key(_Small(chosen), NONE), block_key(_Wide(chosen), NONE)

    small, wide = keys()
    assert keys(wide_image_size=288)[0] == small
    assert keys(wide_image_size=288)[1] != wide
    assert keys(wide_backbone="resnet50")[1] != wide
    assert keys(image_size=192) == (keys(image_size=192)[0], wide)
    assert keys(image_size=192)[0] != small


def test_new_settings_keep_the_network_that_they_do_not_concern(tmp_path):
    extractor = HybridFeatureExtractor(config(tmp_path, preset="accurate"))
    wide = extractor._blocks()[1]
    wide.carried = True  # as a fitted block carries its network
    extractor.config = config(tmp_path, preset="balanced", image_size=192)
    assert extractor._blocks()[0].carried
    extractor.config = config(tmp_path, preset="balanced", wide_image_size=288)
    assert not hasattr(extractor._blocks()[0], "carried")
