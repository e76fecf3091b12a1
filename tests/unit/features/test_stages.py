"""The block of a network's inner maps: what it holds, and that it costs no second pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ai_models.core.errors import ConfigError
from ai_models.core.settings import FeatureConfig
from ai_models.features import CnnExtractor, HybridFeatureExtractor, backbones, cnn
from ai_models.features.backbones import Backbone, load_backbone
from ai_models.features.cnn import StagesExtractor

torch = pytest.importorskip("torch")
pytest.importorskip("timm")
SIZE = 96


def photographs(n: int, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> FeatureConfig:
    return FeatureConfig(image_size=SIZE, cache_dir=str(tmp_path_factory.mktemp("cache")), device="cpu")


@pytest.fixture(scope="module")
def stages(settings: FeatureConfig) -> StagesExtractor:
    return StagesExtractor(settings)


def test_it_holds_mean_and_spread_of_every_channel_of_the_coarse_stages(stages: StagesExtractor) -> None:
    images = photographs(3)
    net = load_backbone("tf_efficientnet_lite0", image_size=SIZE).module
    x = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
    expected = []
    with torch.inference_mode():
        x = net.bn1(net.conv_stem(x))
        for stage in net.blocks:
            x = stage(x)
            if SIZE / x.shape[2] >= 8:
                cells = x.numpy().reshape(3, x.shape[1], -1).astype(np.float64)
                mean, spread = cells.mean(2), cells.std(2)
                both = np.sign(mean) * np.sqrt(abs(mean)), np.sqrt(spread)
                expected += [part / np.linalg.norm(part, axis=1, keepdims=True) for part in both]
    got = stages.extract_many(images)
    assert got.shape == (3, 2 * (40 + 80 + 112 + 192 + 320)) == (3, len(stages.get_feature_names()))
    np.testing.assert_allclose(got, np.hstack(expected), atol=2e-3)


def test_one_pass_serves_the_embedding_and_the_stages(
    settings: FeatureConfig, stages: StagesExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = []
    run = cnn.run_onnx
    monkeypatch.setattr(cnn, "run_onnx", lambda model, images: passes.append(len(images)) or run(model, images))
    images, others = photographs(3), photographs(3, seed=1)
    embedding = CnnExtractor(settings)
    alone = stages.extract_many([image.copy() for image in images])
    cnn._LAST.kept = None
    passes.clear()
    embedding.extract_many(images)
    np.testing.assert_array_equal(stages.extract_many(list(images)), alone)
    assert sum(passes) == 3
    embedding.extract_many(images)
    assert not np.array_equal(stages.extract_many(others), alone)  # other pictures are never answered from before
    assert sum(passes) == 9


def test_one_network_is_carried_for_both(settings: FeatureConfig) -> None:
    import pickle

    extractor = HybridFeatureExtractor(
        settings.replace(use_hog_features=False, use_lbp_features=False, use_sift_features=False)
    )
    extractor.fit_raw(extractor.extract_raw(photographs(2), label=""))
    assert list(extractor.block_slices)[:2] == ["cnn", "stages"]
    assert len(pickle.dumps(extractor)) < 1.2 * len(CnnExtractor(settings).model_bytes())


def test_a_network_without_stages_is_named(settings: FeatureConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1))
    half = (0.5, 0.5, 0.5)
    monkeypatch.setattr(cnn, "load_backbone", lambda *_, **__: Backbone("plain", module.eval(), half, half, "0" * 64))
    monkeypatch.setattr(backbones, "installed_weights", lambda name: None)
    block = StagesExtractor(settings.replace(backbone="plain", cache_features=False))
    block._digest = "0" * 64
    with pytest.raises(ConfigError, match="'plain' has no stages that can be read"):
        block.extract_many(photographs(1))


def test_off_means_off(settings: FeatureConfig, tmp_path: Path) -> None:
    assert settings.stages == ("stages",)
    assert settings.replace(preset="accurate").stages == ("stages", "stages_wide")
    assert settings.replace(use_stages_features=False).stages == ()
    assert settings.replace(use_cnn_features=False).stages == ()
