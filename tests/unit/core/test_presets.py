"""Which networks a preset names, and what is said where a setting by hand does not fit it."""

from __future__ import annotations

import pytest

from ai_models.core.errors import ConfigError
from ai_models.core.settings import NETWORKS, FeatureConfig


def test_the_default_is_one_small_network():
    config = FeatureConfig()
    assert (config.preset, config.networks, config.image_sizes) == ("fast", ("cnn",), (224,))
    assert (config.backbone, config.image_size) == ("tf_efficientnet_lite0", 224)
    assert (config.wide_backbone, config.wide_image_size) == ("tf_efficientnet_lite2", 320)


@pytest.mark.parametrize(
    ("preset", "networks", "sizes"),
    [
        ("balanced", ("cnn_wide",), (224, 320)),
        ("accurate", ("cnn", "cnn_wide"), (224, 320)),
        ("auto", ("cnn", "cnn_wide"), (224, 320)),
    ],
)
def test_networks_and_sizes_of_a_preset(preset, networks, sizes):
    config = FeatureConfig(preset=preset)
    assert (config.networks, config.image_sizes) == (networks, sizes)


def test_what_is_given_by_hand_wins():
    config = FeatureConfig(preset="accurate", backbone="resnet50", image_size=192, wide_image_size=260)
    assert (config.backbone, config.image_sizes) == ("resnet50", (192, 260))
    assert FeatureConfig(backbone="resnet50", image_size=320).networks == ("cnn",)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"preset": "balanced", "backbone": "resnet50"}, "choose preset fast or accurate or auto, or leave backbone"),
        ({"preset": "balanced", "weights": "w.pth"}, "weights is of a network that preset 'balanced' does not have"),
        ({"wide_backbone": "resnet50"}, "preset 'fast' does not have: choose preset balanced or accurate or auto"),
        ({"wide_image_size": 260}, "wide_image_size is of a network"),
        ({"preset": "accurate", "use_cnn_features": False}, "preset 'accurate' asks for a network"),
        ({"preset": "best"}, "preset must be one of fast, balanced, accurate, auto, got 'best'"),
    ],
    ids=str,
)
def test_a_setting_that_would_change_nothing_is_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        FeatureConfig(**settings)


def test_narrowing_keeps_what_was_said_of_the_networks_that_stay():
    config = FeatureConfig(preset="auto", backbone="resnet50", wide_image_size=260, use_sift_features=False)
    wide = config.with_networks("cnn_wide")
    assert (wide.preset, wide.wide_image_size, wide.backbone) == ("balanced", 260, FeatureConfig.backbone)
    small = config.with_networks("cnn")
    assert (small.preset, small.backbone, small.wide_image_size) == ("fast", "resnet50", 320)
    assert config.with_networks("cnn", "cnn_wide").preset == "accurate"
    none = config.with_networks()
    assert (none.networks, none.use_cnn_features, none.use_sift_features) == ((), False, False)
    assert set(NETWORKS) == {"fast", "balanced", "accurate", "auto"}
