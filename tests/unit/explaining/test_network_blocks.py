"""Which blocks have a picture of where the network looked."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ai_models.core.settings import FeatureConfig
from ai_models.explaining.evidence import network_blocks
from ai_models.features import HybridFeatureExtractor


@pytest.mark.parametrize(("preset", "expected"), [("fast", ["cnn"]), ("accurate", ["cnn", "cnn_wide"])])
def test_stages_come_from_a_network_and_are_no_embedding(preset, expected):
    extractor = HybridFeatureExtractor(FeatureConfig(preset=preset))
    assert any(block.name.startswith("stages") for block in extractor.blocks)
    assert list(network_blocks(SimpleNamespace(extractor=extractor))) == expected
