"""A model trained on a GPU answers the same on a machine without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ai_models.artifacts import load_model, read_golden
from ai_models.core.records import Manifest
from ai_models.core.rng import generator
from ai_models.core.settings import FeatureConfig, TrainingConfig
from ai_models.features import cnn
from ai_models.features.backbones import Backbone
from ai_models.features.torch_runner import TorchRunner
from ai_models.training import train_model

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

OFF = 1e-5
"""How far an embedding of a GPU is off, relative to its length: ten times what torch and ONNX Runtime differ by.

What a random network gives lies in a narrow cone, so this counts here for what 1e-3 counts for in a trained one.
"""


class _OnAGpu(TorchRunner):
    """A GPU that is not here: torch on the CPU, each embedding off by `OFF` in a direction of its image's own."""

    def __init__(self, module: Any, batch_size: int, device: str = "cuda") -> None:
        assert device == "cuda"
        super().__init__(module, batch_size, "cpu")

    def __call__(self, images: np.ndarray) -> np.ndarray:
        rows = super().__call__(images)
        noise = np.stack([generator(0, "gpu", i.tobytes()).normal(size=rows.shape[1]) for i in images])
        noise *= np.linalg.norm(rows, axis=1, keepdims=True) / np.linalg.norm(noise, axis=1, keepdims=True)
        return np.asarray(rows + OFF * noise, dtype=np.float32)


def _network(name: str, *args: object, **named: object) -> Backbone:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 24, 5, stride=2, padding=2), torch.nn.ReLU(),
            torch.nn.Conv2d(24, 32, 3, stride=4, padding=1), torch.nn.ReLU(),
            torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
        )  # fmt: skip
    return Backbone(name, layers.eval().requires_grad_(False), (0.5,) * 3, (0.5,) * 3, name)


@pytest.mark.parametrize(
    "gpu",
    [
        "imitated",
        pytest.param(
            "real",
            marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")],
        ),
    ],
)
def test_labels_and_verdicts_are_those_of_the_gpu(gpu: str, split_textures: Manifest, tmp_path: Path) -> None:
    features = FeatureConfig(
        backbone="tiny", use_stages_features=False, use_hog_features=False, use_lbp_features=False,
        use_sift_features=False, use_colour_features=False, image_size=64, device="auto", cache_features=False,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as there:
        there.setattr(cnn, "load_backbone", _network)
        there.setattr(cnn, "_EXPORTED", {})
        there.setattr(cnn, "_LOADED", {})
        if gpu == "imitated":
            there.setattr(cnn, "resolve_device", lambda wanted: "cpu" if wanted == "cpu" else "cuda")
            there.setattr(cnn, "TorchRunner", _OnAGpu)
        config = TrainingConfig(quick_mode=True, workers=1)
        folder = train_model(split_textures, tmp_path / "model", training=config, features=features)
        said = load_model(folder).predict_batch(split_textures.files)

    model = load_model(folder)  # as on a machine without a GPU and without the network's weights
    if gpu == "real":
        model.extractor.config = model.extractor.config.replace(device="cpu")
    here = model.predict_batch(split_textures.files)
    off = np.abs(here.probabilities - said.probabilities).max()
    assert 0 < off <= 1e-3, "the same, and yet not by way of the same device"
    assert here.predicted == said.predicted
    assert here.verdicts == said.verdicts
    golden = read_golden(folder)
    assert golden is not None
    assert golden.fault(model.predict_batch(list(golden.images))) == ""
