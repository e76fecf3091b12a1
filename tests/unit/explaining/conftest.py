"""A model with a network, and what its explanations are held against."""

from __future__ import annotations

from pathlib import Path

import pytest

from ai_models.artifacts import load_model
from ai_models.classifier import HybridClassifier
from ai_models.core.records import Manifest, Split
from ai_models.evidence import load_evidence
from ai_models.explaining import Evidence


@pytest.fixture(scope="session")
def model(tiny_network_model: Path) -> HybridClassifier:
    """The textures by a small network and HOG."""
    return load_model(tiny_network_model)


@pytest.fixture(scope="session")
def evidence(tiny_network_model: Path, model: HybridClassifier) -> Evidence:
    """Its training photographs."""
    return load_evidence(tiny_network_model, model)


@pytest.fixture(scope="session")
def held_out(split_textures: Manifest) -> list[Path]:
    """Pictures that the model was not trained on."""
    return split_textures.on(Split.TEST).files
