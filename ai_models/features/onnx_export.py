"""A torch backbone as ONNX bytes that take uint8 images, so that prediction needs neither torch nor timm."""

from __future__ import annotations

import copy
import io
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import AmuletError
from ai_models.core.optional import require
from ai_models.core.rng import generator
from ai_models.execution import one_torch_thread
from ai_models.features.backbones import Backbone
from ai_models.features.base import FloatArray
from ai_models.features.stages import recorded_stages, stage_names

if TYPE_CHECKING:
    import torch

__all__ = [
    "EXPORT_VERSION",
    "OPSET",
    "embedding_size",
    "export_onnx",
    "onnx_session",
    "run_onnx",
    "stages_size",
    "with_normalisation",
]

EXPORT_VERSION = 2
"""Raise it when the exported graph changes."""
PARITY = 0.99999
"""Least cosine between torch and ONNX Runtime that an export must show."""
OPSET = 17
"""Of ONNX's operators: what exported graphs are made of."""
_WIDTH = "embedding_size"


def with_normalisation(backbone: Backbone) -> torch.nn.Module:
    """Return a module from uint8 (n, s, s, 3) RGB to float32 (n, d + t): the embedding, then the stages' statistics."""
    torch = require("torch", extra="train", purpose="the CNN block")

    class Described(torch.nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.net = backbone.module
            self.stages = stage_names(backbone.module)
            self.register_buffer("mean", torch.tensor(backbone.mean).view(1, 3, 1, 1) * 255)
            self.register_buffer("scale", 1 / (torch.tensor(backbone.std).view(1, 3, 1, 1) * 255))

        def forward(self, images: Any) -> Any:
            pixels = (images.permute(0, 3, 1, 2).to(self.mean.dtype) - self.mean) * self.scale
            with recorded_stages(self.net, self.stages, int(images.shape[1])) as stages:
                embedding = self.net(pixels).flatten(1)
            return torch.cat([embedding.float(), *stages], 1) if stages else embedding

    return Described().eval()


def export_onnx(backbone: Backbone, image_size: int) -> bytes:
    """Export a backbone for one image size and any number of images, and check it against torch.

    Parameters
    ----------
    backbone
        The network; it is not changed.
    image_size
        Side of the images in pixels.

    Returns
    -------
    bytes
        An ONNX model, input ``image`` uint8 (n, s, s, 3) RGB, output ``features`` float32 (n, d + t), as
        `with_normalisation` returns them. Batch normalisation is folded into the convolutions.

    Raises
    ------
    AmuletError
        When the cosine between torch's and ONNX Runtime's embeddings, or statistics of the stages, of the same images
        is below `PARITY`.
    """
    torch = require("torch", extra="train", purpose="exporting a backbone")
    require("onnx", extra="train", purpose="exporting a backbone")
    module = with_normalisation(backbone)
    images = torch.from_numpy(
        generator(0, "export parity").integers(0, 256, (2, image_size, image_size, 3), dtype=np.uint8)
    )
    with one_torch_thread(torch):  # on two images more threads only wait for one another, for long on a busy machine
        with torch.inference_mode():
            expected = module(images).numpy()
        with torch.no_grad():
            model = _export(torch, _with_explicit_padding(module, images[:1]), images)
            model = _with_width(
                model, int(backbone.module(torch.zeros(1, 3, image_size, image_size)).flatten(1).shape[1])
            )
    got, d = run_onnx(model, images.numpy()), embedding_size(model)
    cosine = min(_least_cosine(e, g) for e, g in ((expected[:, :d], got[:, :d]), (expected[:, d:], got[:, d:])))
    if not cosine > PARITY:
        raise AmuletError(
            f"the ONNX form of backbone '{backbone.name}' differs from torch (cosine {cosine:.6f}, expected more than "
            f"{PARITY}): choose another backbone"
        )
    return model


def _with_width(model: bytes, width: int) -> bytes:
    """Note in the model how many of its columns are the embedding."""
    onnx = require("onnx", extra="train", purpose="exporting a backbone")
    graph = onnx.load_from_string(model)
    graph.metadata_props.add(key=_WIDTH, value=str(width))
    return bytes(graph.SerializeToString())


def _export(torch: Any, module: Any, images: Any) -> bytes:
    names: dict[str, Any] = {"input_names": ["image"], "output_names": ["features"]}
    stream = io.BytesIO()
    try:
        with warnings.catch_warnings():  # the tracer is deprecated, yet four times as fast as its successor
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module, (images,), stream, dynamo=False, opset_version=OPSET,
                dynamic_axes={"image": {0: "n"}, "features": {0: "n"}}, **names,
            )  # fmt: skip
        return stream.getvalue()
    except (RuntimeError, TypeError, ValueError):  # an operator that it does not know, or it is gone
        program = torch.onnx.export(
            module,
            (images,),
            dynamo=True,
            verbose=False,
            dynamic_shapes={"images": {0: torch.export.Dim("n")}},
            **names,
        )
        return bytes(program.model_proto.SerializeToString())


def _with_explicit_padding(module: Any, image: Any) -> Any:
    """Return a copy in which TensorFlow's "same" convolutions pad by fixed amounts, so that the graph has no shapes.

    timm computes that padding from the input's size in every call; traced, it becomes a dozen small operators before
    every such convolution.
    """
    torch = require("torch", extra="train", purpose="exporting a backbone")
    module = copy.deepcopy(module)
    same = {name: m for name, m in module.named_modules() if type(m).__name__ == "Conv2dSame"}
    sizes: dict[str, tuple[int, int]] = {}
    hooks = [
        m.register_forward_pre_hook(lambda _, args, name=name: sizes.__setitem__(name, tuple(args[0].shape[-2:])))
        for name, m in same.items()
    ]
    module(image)
    for hook in hooks:
        hook.remove()
    for name, conv in same.items():
        if name not in sizes:
            continue
        plain = torch.nn.Conv2d(
            conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, 0, conv.dilation, conv.groups,
            conv.bias is not None,
        )  # fmt: skip
        plain.weight, plain.bias = conv.weight, conv.bias
        pads: list[int] = []
        for axis in (1, 0):  # torch pads from the last axis backwards
            stride, reach = conv.stride[axis], (conv.kernel_size[axis] - 1) * conv.dilation[axis] + 1
            size = sizes[name][axis]
            total = max((-(-size // stride) - 1) * stride + reach - size, 0)
            pads += [total // 2, total - total // 2]
        parent, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(parent), leaf, torch.nn.Sequential(torch.nn.ZeroPad2d(tuple(pads)), plain))
    return module.eval()


@lru_cache(maxsize=4)
def onnx_session(model: bytes) -> Any:
    """Return a session of one thread: parallelism is over images, so results do not depend on the number of cores."""
    ort = require("onnxruntime", extra="train", purpose="the CNN block")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def embedding_size(model: bytes) -> int:
    """Return d of an exported backbone."""
    known = onnx_session(model).get_modelmeta().custom_metadata_map.get(_WIDTH)
    return int(known) if known else int(onnx_session(model).get_outputs()[0].shape[1])


def stages_size(model: bytes) -> int:
    """Return t of an exported backbone: 0 where it has no stages, or was exported before they were kept."""
    return int(onnx_session(model).get_outputs()[0].shape[1]) - embedding_size(model)


def run_onnx(model: bytes, images: NDArray[np.uint8]) -> FloatArray:
    """Run an exported backbone on the CPU in fp32.

    Parameters
    ----------
    model
        What `export_onnx` returned.
    images
        uint8 (n, s, s, 3), RGB.

    Returns
    -------
    numpy.ndarray
        float32 (n, d + t), as `with_normalisation` returns them.
    """
    return np.asarray(onnx_session(model).run(None, {"image": images})[0], dtype=np.float32)


def _least_cosine(a: FloatArray, b: FloatArray) -> float:
    if not a.shape[1]:
        return 1.0
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(np.min((a * b).sum(axis=1) / lengths))
