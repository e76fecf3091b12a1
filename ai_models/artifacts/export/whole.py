"""Networks and decision as one torch module, where networks see all that the model goes by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ai_models.artifacts.export.networks import Network
from ai_models.classifier import HybridClassifier
from ai_models.core.optional import require
from ai_models.features.onnx_export import with_normalisation

if TYPE_CHECKING:
    import torch

__all__ = ["from_networks", "whole_module"]


def from_networks(decision: torch.nn.Module, networks: Sequence[Network], model: HybridClassifier) -> torch.nn.Module:
    """Return a module from what each network gives, float32 (n, d + t), to what the decision gives."""
    torch = require("torch", extra="train", purpose="exporting a model")
    sources = {name: (i, source) for i, network in enumerate(networks) for name, (source, _) in network.columns.items()}
    order = [sources[block.name] for block in model.extractor.blocks]

    class FromNetworks(torch.nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.decision = decision

        def forward(self, *given: Any) -> Any:
            return self.decision(torch.cat([given[i][:, s.start : s.stop] for i, s in order], 1))

    return FromNetworks().eval()


def whole_module(decision: torch.nn.Module, networks: Sequence[Network], model: HybridClassifier) -> torch.nn.Module:
    """Return a module from the squares of each network, uint8 (n, side, side, 3), to what the decision gives."""
    torch = require("torch", extra="train", purpose="exporting a model")

    class Whole(torch.nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.networks = torch.nn.ModuleList([with_normalisation(n.block.torch_backbone()) for n in networks])
            self.head = from_networks(decision, networks, model)

        def forward(self, *squares: Any) -> Any:
            return self.head(*(network(s) for network, s in zip(self.networks, squares, strict=True)))

    return Whole().eval()
