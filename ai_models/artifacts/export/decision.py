"""From features to probabilities as one torch module, built from the fitted arrays: what is traced into a graph.

It repeats the arithmetic of `ai_models.ensemble.scaler` and `ai_models.ensemble.compiled` in the same precision, and
nothing of scikit-learn; trees are walked as `FlatTrees` does it, all at once, level by level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ai_models.classifier import HybridClassifier
from ai_models.core.errors import DataError
from ai_models.core.optional import require
from ai_models.core.settings import FeatureConfig
from ai_models.ensemble.compiled.kernel import KernelMembers
from ai_models.ensemble.compiled.linear import LinearMembers
from ai_models.ensemble.compiled.trees import TreeMembers
from ai_models.ensemble.compiled.vote import AsTheyAre, CompiledVote
from ai_models.ensemble.scaler import BlockScaler

if TYPE_CHECKING:
    import torch

__all__ = ["decision_module"]


def decision_module(model: HybridClassifier) -> torch.nn.Module:
    """Return a module from features, float32 (n, d), to probabilities and combined logits, float32 (n, k) each.

    The logits are those behind the temperature: probabilities are their softmax.

    Raises
    ------
    DataError
        When the decision is no function of one row of features, or holds a member of the user's own.
    """
    torch = require("torch", extra="train", purpose="exporting a model")
    if (model.extractor.config or FeatureConfig()).test_time_augmentation:
        raise DataError(
            "this model looks at each image twice, which no single graph says: train one without "
            "--test-time-augmentation to export it"
        )
    ensemble = model.ensemble
    vote = CompiledVote(ensemble.members_, model.scaler.n_features_out_, len(model.classes))
    groups = [_group(torch, group) for group in ([vote.linear] if vote.linear else []) + list(vote.others)]

    class Decision(torch.nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.scaler = _scaler(torch, model.scaler)
            self.groups = torch.nn.ModuleList(groups)
            self.register_buffer("order", torch.tensor(vote.order))
            weights = np.asarray(ensemble.combination.weights) / ensemble.combination.temperature
            self.register_buffer("weights", torch.tensor(weights)[:, None])

        def forward(self, features: Any) -> Any:
            Z = self.scaler(features)
            said = torch.cat([group(Z) for group in self.groups], 1)
            pooled = (said.index_select(1, self.order) * self.weights).sum(1)
            return torch.softmax(pooled, 1).float(), pooled.float()

    return Decision().eval()


def _scaler(torch: Any, scaler: BlockScaler) -> Any:
    components = scaler.scaled_components()

    class Scaler(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for i, name in enumerate(scaler.blocks):
                self.register_buffer(f"mean_{i}", torch.tensor(scaler.mean_[name]))
                if name in components:
                    self.register_buffer(f"matrix_{i}", torch.tensor(np.ascontiguousarray(components[name].T)))

        def forward(self, features: Any) -> Any:
            scaled = []
            for i, (name, columns) in enumerate(scaler.blocks.items()):
                rows = features[:, columns.start : columns.stop].double()
                length = (rows * rows).sum(1, keepdim=True).sqrt().clamp(min=1e-12)
                unit = ((rows / length).float() - getattr(self, f"mean_{i}")).double()
                known = name in components
                scaled.append(unit @ getattr(self, f"matrix_{i}") if known else unit * scaler.stretch(name))
            return torch.cat(scaled, 1)

    return Scaler()


def _group(torch: Any, group: object) -> Any:
    """Return the module of members of one kind: from the scaled matrix to their centred logits, (n, members, k)."""
    if isinstance(group, LinearMembers):
        return _linear(torch, group)
    if isinstance(group, KernelMembers):
        return _kernel(torch, group)
    if isinstance(group, TreeMembers):
        return _trees(torch, group)
    name = group.names[0] if isinstance(group, AsTheyAre) else type(group).__name__
    raise DataError(f"member '{name}' is of your own making and has no graph: leave it out of the vote to export it")


def _centred(values: Any) -> Any:
    return values - values.mean(-1, keepdim=True)


def _linear(torch: Any, group: LinearMembers) -> Any:
    members, k, width = group.weights.shape

    class Linear(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("weights", torch.tensor(group.weights.reshape(-1, width).T.copy()))
            self.register_buffer("intercepts", torch.tensor(group.intercepts))
            self.register_buffer("floors", torch.tensor(group.floors))
            self.register_buffer("is_margin", torch.tensor(group.is_margin)[:, None])

        def forward(self, Z: Any) -> Any:
            margins = (Z @ self.weights).reshape(-1, members, k) + self.intercepts
            said = torch.maximum(torch.log_softmax(margins, -1), self.floors)
            return _centred(torch.where(self.is_margin, margins, said))

    return Linear()


def _kernel(torch: Any, group: KernelMembers) -> Any:
    class Kernel(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for i, machine in enumerate(group.machines):
                for name in ("columns", "vectors", "lengths", "duals", "intercepts"):
                    self.register_buffer(f"{name}_{i}", torch.tensor(np.ascontiguousarray(getattr(machine, name))))
            self.register_buffer("first", torch.tensor(group.first))
            self.register_buffer("second", torch.tensor(group.second))

        def _pairs(self, Z: Any, i: int) -> Any:
            rows = Z.index_select(1, getattr(self, f"columns_{i}"))
            across = rows @ getattr(self, f"vectors_{i}").T
            squared = getattr(self, f"lengths_{i}") + (rows * rows).sum(1, keepdim=True) - 2.0 * across
            near = torch.exp(-group.machines[i].gamma * squared.clamp(min=0.0))
            return near @ getattr(self, f"duals_{i}").T + getattr(self, f"intercepts_{i}")

        def forward(self, Z: Any) -> Any:
            pairs = torch.stack([self._pairs(Z, i) for i in range(len(group.machines))], 1)
            if group.binary:
                return _centred(torch.cat([-pairs, pairs], 2))
            positive = (pairs >= 0).double()
            votes = positive @ self.first + (1.0 - positive) @ self.second
            confidence = pairs @ (self.first - self.second)
            return _centred(votes + confidence / (3.0 * (confidence.abs() + 1.0)))

    return Kernel()


def _trees(torch: Any, group: TreeMembers) -> Any:
    trees = group.trees
    stops = [*group.starts[1:], len(trees.offsets)]

    class Trees(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            arrays = {
                "offsets": trees.offsets, "feature": trees.feature, "links": trees.children,
                "threshold": trees.threshold, "values": group.values, "base": group.base, "floors": group.floors,
            }  # fmt: skip
            for name, array in arrays.items():
                self.register_buffer(name, torch.tensor(np.ascontiguousarray(array)))
            self.register_buffer("forest", torch.tensor(group.forest)[:, None])

        def forward(self, Z: Any) -> Any:
            rows = torch.cat([Z.float().double(), Z], 1)
            node = self.offsets[None] + torch.zeros_like(rows[:, :1], dtype=torch.int64)
            for _ in range(trees.depth):  # a leaf leads to itself
                right = rows.gather(1, self.feature[node]) > self.threshold[node]
                node = self.links[2 * node + right.long()]
            leaves = self.values[node]
            sums = [leaves[:, a:b].sum(1) for a, b in zip(group.starts, stops, strict=True)]
            said = torch.stack(sums, 1) + self.base
            grown = torch.log(torch.minimum(torch.maximum(said, self.floors), torch.ones_like(said)))
            boosted = torch.maximum(torch.log_softmax(said, -1), torch.log(self.floors))
            return _centred(torch.where(self.forest, grown, boosted))

    return Trees()
