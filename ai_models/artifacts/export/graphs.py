"""Torch modules and ONNX networks as files of other programs, and running those files."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from ai_models.artifacts.export.networks import Network
from ai_models.core.optional import require
from ai_models.execution import one_torch_thread
from ai_models.features.onnx_export import OPSET, onnx_session, with_normalisation

__all__ = ["joined", "run_graph", "run_script", "to_onnx", "traced", "traced_network"]

OUTPUTS = ("probabilities", "logits")


@contextmanager
def _torch() -> Iterator[Any]:
    """Give torch on one thread; it calls its own tracer deprecated, whose files other programs read all the same."""
    torch = require("torch", extra="train", purpose="exporting a model")
    with warnings.catch_warnings(), one_torch_thread(torch), torch.no_grad():
        warnings.simplefilter("ignore")
        yield torch


def to_onnx(module: Any, inputs: Sequence[tuple[str, int]]) -> bytes:
    """Return a module as ONNX, its inputs float32 (n, width) each, its outputs `OUTPUTS`."""
    require("onnx", extra="train", purpose="exporting a model")
    stream = io.BytesIO()
    with _torch() as torch:
        examples = tuple(torch.ones(2, width) for _, width in inputs)
        names = [name for name, _ in inputs]
        torch.onnx.export(
            module, examples, stream, dynamo=False, opset_version=OPSET, input_names=names, output_names=list(OUTPUTS),
            dynamic_axes={name: {0: "n"} for name in (*names, *OUTPUTS)},
        )  # fmt: skip
    return stream.getvalue()


def joined(networks: Sequence[Network], head: bytes) -> bytes:
    """Return the networks and what follows them as one ONNX graph.

    Parameters
    ----------
    networks
        Each becomes an input of the graph under its name.
    head
        ONNX, with an input under the name of each network for what it gives.
    """
    onnx = require("onnx", extra="train", purpose="exporting a model")
    whole = onnx.compose.add_prefix(onnx.load_from_string(head), "decision_", rename_outputs=False)
    for network in reversed(networks):  # what is put before comes first
        graph = onnx.load_from_string(network.model)
        graph = onnx.compose.add_prefix(graph, f"{network.name}_")
        graph.ir_version = whole.ir_version = max(graph.ir_version, whole.ir_version)
        del graph.metadata_props[:]
        whole = onnx.compose.merge_models(graph, whole, [(f"{network.name}_features", f"decision_{network.name}")])
    return bytes(whole.SerializeToString())


def traced(module: Any, *examples: Any) -> bytes:
    """Return a module as TorchScript.

    Parameters
    ----------
    examples
        Arrays that it is traced on.
    """
    stream = io.BytesIO()
    with _torch() as torch:
        torch.jit.save(torch.jit.trace(module, tuple(torch.from_numpy(e) for e in examples), check_trace=False), stream)
    return stream.getvalue()


def traced_network(network: Network) -> bytes:
    """Return a network as TorchScript, from the weights that are installed here."""
    with _torch():
        module = with_normalisation(network.block.torch_backbone())
    return traced(module, np.zeros((2, network.side, network.side, 3), dtype=np.uint8))


def run_graph(model: bytes, *inputs: Any) -> tuple[Any, ...]:
    """Return the outputs of an ONNX graph for inputs in their order."""
    session = onnx_session(model)
    names = [given.name for given in session.get_inputs()]
    return tuple(session.run(None, dict(zip(names, inputs, strict=True))))


@lru_cache(maxsize=2)
def _loaded(torch: Any, model: bytes) -> Any:
    return torch.jit.load(io.BytesIO(model))


def run_script(model: bytes, *inputs: Any) -> tuple[Any, ...]:
    """Return the outputs of a TorchScript file for inputs in their order."""
    with _torch() as torch:
        out = _loaded(torch, model)(*(torch.from_numpy(np.ascontiguousarray(given)) for given in inputs))
    return tuple(part.numpy() for part in (out if isinstance(out, tuple) else (out,)))
