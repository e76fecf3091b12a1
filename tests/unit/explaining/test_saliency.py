"""Grad-CAM by hand equals Grad-CAM by automatic differentiation; the map lies where the difference is."""

from __future__ import annotations

import numpy as np
import pytest

from ai_models.explaining.overlay import AGAINST, FOR, overlay
from ai_models.explaining.saliency import grad_cam, network_maps, upsampled
from ai_models.explaining.surrogate import fit_surrogate
from ai_models.features.backbones import Backbone
from ai_models.features.feature_maps import feature_maps
from ai_models.features.onnx_export import export_onnx, with_normalisation


def by_autograd(torch, backbone, layer, image, head, a, b):
    """Return Grad-CAM before the cut at zero as its paper defines it: weights are spatial means of the gradient."""
    module = with_normalisation(backbone)
    kept = {}
    layer.register_forward_hook(lambda _, args, out: kept.__setitem__("maps", out.requires_grad_(True)))
    e = module(torch.from_numpy(image[None]))[0]
    logits = torch.tensor(head, dtype=torch.float32) @ (e / e.norm())
    (gradient,) = torch.autograd.grad(logits[a] - logits[b], kept["maps"])
    weights = gradient.mean(dim=(2, 3))
    return (weights[..., None, None] * kept["maps"]).sum(dim=1)[0].detach().numpy()


def test_equals_autograd_through_a_whole_network():
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        last = torch.nn.SiLU()
        net = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, 2), torch.nn.ReLU(), torch.nn.Conv2d(8, 12, 3, 2), last,
            torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
        )  # fmt: skip
    backbone = Backbone("small", net.eval().requires_grad_(False), (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), "x")
    rng = np.random.default_rng(0)
    image, head = rng.integers(0, 256, (48, 48, 3), dtype=np.uint8), rng.normal(size=(4, 12))
    seen = feature_maps(export_onnx(backbone, 48), image)
    unit = seen.embedding / np.linalg.norm(seen.embedding)
    towards = head[1] - head[3]
    gradient = (towards - (towards @ unit) * unit) / np.linalg.norm(seen.embedding)
    got = grad_cam(seen.maps, gradient.astype(np.float64))
    expected = by_autograd(torch, backbone, last, image, head, 1, 3)
    np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max())
    assert abs(got.sum()) < 1e-5 * np.abs(got).max()  # unit length: a longer embedding changes nothing


def test_one_feature_gives_its_own_map():
    maps = np.zeros((2, 2, 2), dtype=np.float32)
    maps[1] = [[0, 4], [8, 0]]
    np.testing.assert_allclose(grad_cam(maps, np.array([5.0, 0.5])), [[0, 0.5], [1, 0]])


def test_the_map_follows_the_evidence(model, evidence, held_out):
    """Half of the picture is of one class, half of another: that half lights up."""
    from ai_models.core.images import read_image

    surrogate = fit_surrogate(evidence)
    assert surrogate is not None
    names = list(model.classes)
    blobs, checks = names.index("blobs"), names.index("checks")
    left = next(read_image(f) for f in held_out if f.parent.name == "blobs")
    right = next(read_image(f) for f in held_out if f.parent.name == "checks")
    both = np.concatenate([left[:, :32], right[:, 32:]], axis=1)
    heat = upsampled(network_maps(model, surrogate, {64: both}, blobs, checks), 64, 64)
    assert heat[:, :32].mean() > heat[:, 32:].mean()
    swapped = upsampled(network_maps(model, surrogate, {64: both}, checks, blobs), 64, 64)
    np.testing.assert_allclose(swapped, -heat, atol=1e-9)


def test_maps_add_up_at_full_size():
    whole = upsampled({"a": np.ones((2, 2)), "b": np.full((7, 7), 2.0)}, 30, 20)
    assert whole.shape == (30, 20)
    np.testing.assert_allclose(whole, 3.0)


def test_colours_say_which_class():
    image = np.full((40, 60, 3), 128, dtype=np.uint8)
    drawn = overlay(image, {"cnn": np.array([[1.0, -1.0], [1.0, -1.0]])})
    assert drawn.shape == image.shape
    np.testing.assert_allclose(drawn[20, 0], 0.25 * 128 + 0.75 * np.array(FOR), atol=1)
    np.testing.assert_allclose(drawn[20, -1], 0.25 * 128 + 0.75 * np.array(AGAINST), atol=1)
    np.testing.assert_array_equal(overlay(image, {"cnn": np.zeros((2, 2))}), image)
