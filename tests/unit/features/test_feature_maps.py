"""The last feature maps out of the exported graph, and networks that have none."""

from __future__ import annotations

import numpy as np
import pytest

from ai_models.core.errors import AmuletError
from ai_models.features.backbones import Backbone
from ai_models.features.feature_maps import feature_maps
from ai_models.features.onnx_export import export_onnx, run_onnx

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
IMAGE = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)


def exported(*tail):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 3, 2), torch.nn.ReLU(), torch.nn.Conv2d(6, 10, 3, 2), *tail)
    return export_onnx(Backbone("t", net.eval().requires_grad_(False), (0.5,) * 3, (0.5,) * 3, "x"), 40), net


class Mean(torch.nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


@pytest.mark.parametrize(
    "pool", [torch.nn.AdaptiveAvgPool2d(1), torch.nn.AvgPool2d(9), Mean()], ids=["adaptive", "average", "mean"]
)
def test_maps_are_those_of_the_last_convolution(pool):
    model, net = exported(torch.nn.ReLU(), pool, torch.nn.Flatten())
    found = feature_maps(model, IMAGE)
    pixels = (torch.from_numpy(IMAGE[None]).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
    np.testing.assert_allclose(found.maps, net[:4](pixels)[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(found.embedding, run_onnx(model, IMAGE[None])[0], atol=1e-6)
    np.testing.assert_allclose(found.maps.mean(axis=(1, 2)), found.embedding, atol=1e-5)


@pytest.mark.parametrize(
    "tail",
    [
        (torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.LayerNorm(10)),
        (torch.nn.AdaptiveMaxPool2d(1), torch.nn.Flatten()),
        (torch.nn.Flatten(), torch.nn.Linear(810, 10)),
    ],
    ids=["a layer behind the mean", "a maximum", "no pooling"],
)
def test_a_network_without_such_maps_is_refused(tail):
    with pytest.raises(AmuletError, match="mean of its last feature maps"):
        feature_maps(exported(*tail)[0], IMAGE)


def test_stages_before_the_embedding_do_not_hide_its_maps(tmp_path):
    pytest.importorskip("timm")
    from ai_models.features.backbones import load_backbone
    from ai_models.features.onnx_export import embedding_size, stages_size

    model = export_onnx(load_backbone("tf_efficientnet_lite0", image_size=64), 64)
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert stages_size(model) == 1488
    found = feature_maps(model, image)
    np.testing.assert_allclose(found.embedding, run_onnx(model, image[None])[0, : embedding_size(model)], atol=1e-6)


def test_the_longer_model_is_still_one(tmp_path):
    """The onnx package reads what a dozen bytes were put behind, and finds both outputs."""
    from ai_models.features import feature_maps as module

    model, _ = exported(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    name = module._pooled_tensor(model)
    longer = onnx.load_from_string(module._with_output(model, name))
    assert [o.name for o in longer.graph.output] == ["features", name.decode()]
    pooled = [n.input[0] for n in longer.graph.node if n.op_type == "GlobalAveragePool"]
    assert pooled == [name.decode()]


class Squeeze(torch.nn.Module):
    def forward(self, x):
        return x * x.mean((2, 3), keepdim=True).sigmoid()


def test_pooling_inside_the_network_is_passed_over():
    model, net = exported(Squeeze(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    pixels = (torch.from_numpy(IMAGE[None]).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
    np.testing.assert_allclose(feature_maps(model, IMAGE).maps, net[:4](pixels)[0].numpy(), atol=1e-5)
