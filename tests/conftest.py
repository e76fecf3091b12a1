"""Fixtures that every test may use."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ai_models.artifacts.canonical import canonical
from ai_models.artifacts.trust_store import TrustStore
from ai_models.core.records import Manifest
from ai_models.core.settings import FeatureConfig, InspectionConfig, TrainingConfig
from ai_models.features import cnn
from ai_models.features.backbones import Backbone
from ai_models.inspection import scan
from ai_models.splitting import split_for_training
from ai_models.training import train_model

_TRUST = tempfile.TemporaryDirectory(prefix="amulet-ai-trust-")
os.environ["AMULET_AI_TRUST_DIR"] = _TRUST.name  # from the start: modules of tests keep the environment for processes


@pytest.fixture(scope="session", autouse=True)
def _elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What fixtures of the session keep by default, a feature cache, is not kept among the sources."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("session"))
    yield
    os.chdir(before)


@pytest.fixture(autouse=True)
def _own_place(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test keeps its own: none is spared work by what another left."""
    monkeypatch.chdir(tmp_path_factory.mktemp("place"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real photographs to measure on; absent on most machines, the test is then skipped."""
    folder = Path(os.environ.get("AMULET_AI_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / "amulets").is_dir():
        pytest.skip("no folder of real photographs: set AMULET_AI_DATA")
    return folder


@pytest.fixture(scope="session")
def relist() -> Callable[[Path], None]:
    """List the files of a model directory as they are now, and trust it so."""

    def write(folder: Path) -> None:
        bundle = json.loads((folder / "bundle.json").read_bytes())
        for name in list(bundle["files"]):
            if not (folder / name).exists():
                del bundle["files"][name]
                continue
            data = (folder / name).read_bytes()
            bundle["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        text = canonical(bundle)
        (folder / "bundle.json").write_bytes(text)
        TrustStore().remember(hashlib.sha256(text).hexdigest(), folder)

    return write


@pytest.fixture(scope="session")
def texture_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of drawn textures that are easy to tell apart, 14, 12 and 10 pictures; one class in Thai."""
    folder = tmp_path_factory.mktemp("textures")
    for label, count in (("ลายทาง", 14), ("checks", 12), ("blobs", 10)):
        (folder / label).mkdir()
        for i in range(count):
            picture = _texture(label, np.random.default_rng([count, i]))
            Image.fromarray(picture).save(folder / label / f"{i:02d}.png")
    return folder


@pytest.fixture(scope="session")
def classical_features(tmp_path_factory: pytest.TempPathFactory) -> FeatureConfig:
    """Blocks that need no network, on small pictures: quick."""
    cache = tmp_path_factory.mktemp("cache")
    return FeatureConfig(use_cnn_features=False, use_sift_features=False, image_size=64, cache_dir=str(cache))


@pytest.fixture(scope="session")
def split_textures(texture_folder: Path) -> Manifest:
    """The textures, each its own object, 20 % held out, 3 folds."""
    manifest = scan(texture_folder, InspectionConfig(quick_mode=True, workers=1)).manifest
    return split_for_training(manifest, test_size=0.2, folds=3, seed=0)


@pytest.fixture(scope="session")
def tiny_model(
    split_textures: Manifest, classical_features: FeatureConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Directory of a real model of the textures; do not change it."""
    config = TrainingConfig(quick_mode=True, workers=1)
    folder = tmp_path_factory.mktemp("models") / "textures"
    return train_model(split_textures, folder, training=config, features=classical_features)


@pytest.fixture(scope="session")
def tiny_network_model(split_textures: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of a real model of the textures that goes by a small random network and HOG; do not change it."""
    features = FeatureConfig(
        backbone="tiny", use_stages_features=False, use_lbp_features=False, use_sift_features=False,
        use_colour_features=False, image_size=64, device="cpu", cache_features=False,
    )  # fmt: skip
    return _trained_on_random_networks(split_textures, tmp_path_factory.mktemp("models") / "network", features)


@pytest.fixture(scope="session")
def two_networks_model(split_textures: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of a real model of the textures that goes by two random networks alone; do not change it."""
    features = FeatureConfig(
        preset="accurate", backbone="tiny", wide_backbone="broad", wide_image_size=96, use_stages_features=False,
        use_hog_features=False, use_lbp_features=False, use_sift_features=False, use_colour_features=False,
        image_size=64, device="cpu", cache_features=False,
    )  # fmt: skip
    return _trained_on_random_networks(split_textures, tmp_path_factory.mktemp("models") / "two", features)


def _trained_on_random_networks(manifest: Manifest, folder: Path, features: FeatureConfig) -> Path:
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cnn, "load_backbone", _random_network)
        patch.setattr(cnn, "_EXPORTED", {})
        patch.setattr(cnn, "_LOADED", {})
        config = TrainingConfig(quick_mode=True, workers=1)
        return train_model(manifest, folder, training=config, features=features)


def _random_network(name: str, *args: object, **named: object) -> Backbone:
    torch = pytest.importorskip("torch")
    with torch.random.fork_rng():
        torch.manual_seed(len(name))
        layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 24, 5, stride=2, padding=2), torch.nn.ReLU(),
            torch.nn.Conv2d(24, 32, 3, stride=4, padding=1), torch.nn.ReLU(),
            torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
        )  # fmt: skip
    return Backbone(name, layers.eval().requires_grad_(False), (0.5,) * 3, (0.5,) * 3, name)


@pytest.fixture
def random_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the weights of the random networks that models of the session go by."""
    monkeypatch.setattr(cnn, "load_backbone", _random_network)
    monkeypatch.setattr(cnn, "_LOADED", {})


def _texture(label: str, rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[0:64, 0:64]
    period, phase = rng.uniform(6, 10), rng.uniform(0, 6.28)
    if label == "checks":
        wave = np.sin(x * 6.28 / period + phase) * np.sin(y * 6.28 / period + phase)
    elif label == "blobs":
        wave = cv2.GaussianBlur(rng.normal(size=(64, 64)), (0, 0), 3)
        wave = wave / np.abs(wave).max()
    else:
        wave = np.sin(x * 6.28 / period + phase)
    grey = 128 + 80 * wave + rng.normal(scale=12, size=(64, 64))
    tint = rng.uniform(0.8, 1.0, size=3)
    return np.clip(grey[..., None] * tint, 0, 255).astype(np.uint8)
