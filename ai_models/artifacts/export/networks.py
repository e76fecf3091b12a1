"""The networks that a model carries, as ONNX graphs, and which columns of the features each of them gives."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.classifier import HybridClassifier
from ai_models.core.images import resize
from ai_models.core.optional import require
from ai_models.features.cnn import CnnExtractor
from ai_models.features.onnx_export import embedding_size, onnx_session

__all__ = ["Network", "features_of", "networks_of", "quantised"]

Pictures = NDArray[np.uint8]


@dataclass(frozen=True)
class Network:
    """A network of a model.

    Attributes
    ----------
    name
        ``network`` and the side of its squares.
    side
        In pixels.
    model
        ONNX: ``image`` uint8 (n, side, side, 3) RGB -> ``features`` float32 (n, d + t).
    columns
        Block -> (columns of what the network gives, columns of the model's features).
    block
        The block that carries it.
    """

    name: str
    side: int
    model: bytes
    columns: Mapping[str, tuple[slice, slice]]
    block: CnnExtractor

    def squares(self, pictures: Pictures) -> Pictures:
        """Return pictures, uint8 (n, s, s, 3), at the network's size."""
        return np.stack([resize(picture, self.side) for picture in pictures])

    def fill(self, features: NDArray[np.float32], given: NDArray[np.float32]) -> None:
        """Put what the network gave, float32 (n, d + t), where it stands in the features, float32 (n, all)."""
        for source, place in self.columns.values():
            features[:, place] = given[:, source]


def networks_of(model: HybridClassifier) -> list[Network]:
    """Return the networks of a model in the order of its blocks; none for a model without."""
    slices = model.extractor.block_slices
    found: dict[tuple[int, bytes], dict[str, tuple[slice, slice]]] = {}
    carriers: dict[tuple[int, bytes], CnnExtractor] = {}
    for block in model.extractor.blocks:
        if isinstance(block, CnnExtractor):
            key = block.image_size, block.model_bytes()
            d = embedding_size(key[1])
            own = slice(0, d) if not block.name.startswith("stages") else slice(d, _outputs(key[1]))
            found.setdefault(key, {})[block.name] = own, slices[block.name]
            carriers.setdefault(key, block)
    sides = [side for side, _ in found]
    return [
        Network(
            f"network_{side}" if sides.count(side) == 1 else f"network_{side}_{i}", side, data, columns, carriers[key]
        )
        for i, (key, columns) in enumerate(found.items())
        for side, data in [key]
    ]


def features_of(
    model: HybridClassifier, networks: list[Network], pictures: Pictures, run: Callable[[Network, Pictures], Any]
) -> NDArray[np.float32]:
    """Return the features of pictures, float32 (n, d), the networks run by `run`, other blocks by the model.

    Parameters
    ----------
    pictures
        uint8 (n, side, side, 3), RGB.
    run
        From a network and its squares, uint8 (n, side, side, 3), to what it gives, float32 (n, d + t).
    """
    extractor = model.extractor
    names = [name for network in networks for name in network.columns]
    others = [block for block in extractor.blocks if block.name not in names]
    parts = {}
    for block in others:
        raw = block.extract_many([resize(picture, block.image_size) for picture in pictures])
        encoder = extractor.encoders_.get(block.name)
        parts[block.name] = raw if encoder is None else encoder.transform(raw)
    X = np.zeros((len(pictures), extractor.n_features_out_), dtype=np.float32)
    for name, rows in parts.items():
        X[:, extractor.block_slices[name]] = rows
    for network in networks:
        squares = network.squares(pictures)
        network.fill(X, np.concatenate([run(network, squares[i : i + 2]) for i in range(0, len(squares), 2)]))
    return X


def quantised(network: Network, pictures: Pictures) -> bytes:
    """Return the network with weights and activations in INT8, ranges taken from pictures (static quantisation).

    The first eighth of the convolutions stay in fp32: they see the pixels, hold few of the weights, and the statistics
    of the stages start from them (on amulets it is 99.8 % equal labels rather than 98).

    Parameters
    ----------
    pictures
        uint8 (n, side, side, 3), RGB: a few dozen.
    """
    onnx = require("onnx", extra="train", purpose="quantising a network")
    convolutions = [node.name for node in onnx.load_from_string(network.model).graph.node if node.op_type == "Conv"]
    quantization = require("onnxruntime.quantization", extra="train", purpose="quantising a network")
    preparing = require("onnxruntime.quantization.shape_inference", extra="train", purpose="quantising a network")

    class Reader(quantization.CalibrationDataReader):  # type: ignore[name-defined]
        def __init__(self) -> None:
            self.left = iter([{"image": pictures[i : i + 1]} for i in range(len(pictures))])

        def get_next(self) -> dict[str, Pictures] | None:
            return next(self.left, None)

    with tempfile.TemporaryDirectory() as folder:
        before, ready, after = (Path(folder) / name for name in ("fp32.onnx", "ready.onnx", "int8.onnx"))
        before.write_bytes(network.model)
        preparing.quant_pre_process(before, ready, skip_symbolic_shape=True)
        quantization.quantize_static(
            ready, after, Reader(), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
            op_types_to_quantize=["Conv", "Gemm", "MatMul"], nodes_to_exclude=convolutions[: len(convolutions) // 8],
        )  # fmt: skip
        return after.read_bytes()


def _outputs(model: bytes) -> int:
    return int(onnx_session(model).get_outputs()[0].shape[1])
