"""The last feature maps of an exported network: where in the image its embedding comes from. Needs no torch.

The embedding of the usual convolutional networks is the mean over space of their last feature maps. In the exported
graph these are the input of the last pooling node. A protobuf message merges with what is appended to it, so a dozen
bytes behind the model make that tensor a second output, and neither torch nor the onnx package is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ai_models.core.errors import AmuletError
from ai_models.core.images import RGBImage
from ai_models.features.base import FloatArray
from ai_models.features.onnx_export import embedding_size, onnx_session

__all__ = ["FeatureMaps", "feature_maps"]

_GRAPH, _NODE, _OUTPUT, _NAME = 7, 1, 12, 1  # fields of ModelProto, GraphProto, GraphProto, ValueInfoProto
_INPUTS, _OPERATOR = 1, 4  # fields of NodeProto
_POOLING = (b"GlobalAveragePool", b"ReduceMean", b"AveragePool")
_TOLERANCE = 1e-3


class FeatureMaps(NamedTuple):
    """What a network sees of one image.

    Attributes
    ----------
    maps
        float32 (d, h, w); row 0 is the top of the image.
    embedding
        float32 (d,), the mean of `maps` over space.
    """

    maps: FloatArray
    embedding: FloatArray


def feature_maps(model: bytes, image: RGBImage) -> FeatureMaps:
    """Return the last feature maps of an exported network and the embedding that is their mean.

    Parameters
    ----------
    model
        What `ai_models.features.onnx_export.export_onnx` returned.
    image
        uint8 (s, s, 3), RGB, s the side that it was exported for.

    Raises
    ------
    AmuletError
        When the embedding of this network is not the mean of a feature map (vision transformers, ConvNeXt).
    """
    name = _pooled_tensor(model)
    if name:
        features, maps = onnx_session(_with_output(model, name)).run(None, {"image": image[None]})
        embedding = features[:, : embedding_size(model)]
        pooled = maps.mean(axis=(2, 3)) if maps.ndim == 4 else maps
        if maps.ndim == 4 and pooled.shape == embedding.shape:
            scale = float(np.abs(embedding).max()) or 1.0
            if float(np.abs(pooled - embedding).max()) <= _TOLERANCE * scale:
                return FeatureMaps(maps[0].astype(np.float32), embedding[0].astype(np.float32))
    raise AmuletError(
        "a heat map needs a network whose embedding is the mean of its last feature maps, and this one's is not: "
        "train with another --backbone, such as tf_efficientnet_lite0"
    )


@lru_cache(maxsize=4)
def _pooled_tensor(model: bytes) -> bytes:
    """Return the name of the tensor that the last pooling node takes; empty where no node pools."""
    found = b""
    for field, graph in _fields(memoryview(model)):
        if field != _GRAPH:
            continue
        for part, node in _fields(graph):
            if part == _NODE:
                values = list(_fields(node))
                operator = next((bytes(v) for f, v in values if f == _OPERATOR), b"")
                inputs = [bytes(v) for f, v in values if f == _INPUTS]
                if operator in _POOLING and inputs:
                    found = inputs[0]
    return found


@lru_cache(maxsize=4)
def _with_output(model: bytes, name: bytes) -> bytes:
    """Return the model with one more output: the tensor of that name."""
    return model + _message(_GRAPH, _message(_OUTPUT, _message(_NAME, name)))


def _message(field: int, content: bytes) -> bytes:
    return _varint_bytes(field << 3 | 2) + _varint_bytes(len(content)) + content


def _varint_bytes(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield number and bytes of each length-delimited field of a protobuf message; others are passed over."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            _, at = _varint(message, at)
        elif kind == 2:
            size, at = _varint(message, at)
            yield key >> 3, message[at : at + size]
            at += size
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError(f"not a protobuf message: wire type {kind}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
