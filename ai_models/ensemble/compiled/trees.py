"""Members made of trees, all in one walk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.ensemble.compiled.fitted import Fitted, centred, log_softmax
from ai_models.ensemble.compiled.flat_trees import FlatTrees, Nodes
from ai_models.ensemble.members import smallest_probability

__all__ = ["TreeMembers"]

KINDS = ("forest", "boosting")
_ROWS = 64
"""Rows whose leaves are looked up together."""


class TreeMembers:
    """Forests and histogram gradient boosting.

    Forests compare float32 and boosting float64, so the trees stand over the columns twice: rounded, then as they are.

    Parameters
    ----------
    members
        Fitted, of `KINDS`.
    width
        Columns of the scaled matrix.
    n_classes
        k.

    Attributes
    ----------
    trees
        Of all members, one member after another.
    values
        float64 (nodes, k), what a leaf adds.
    starts
        Place of each member's first tree.
    forest
        bool (members,): whose sums are probabilities, rather than log-odds.
    base, floors
        float64 (members, k) and (members, 1): what is added to the sums, and what a probability is raised to.
    """

    def __init__(self, members: Sequence[Fitted], width: int, n_classes: int) -> None:
        trees: list[Nodes] = []
        values: list[NDArray[np.float64]] = []
        starts: list[int] = []
        for spec, columns, model in members:
            starts.append(len(trees))
            of = _forest if spec.kind == "forest" else _boosting
            for nodes, leaf_values in of(model, columns + (0 if spec.kind == "forest" else width), n_classes):
                trees.append(nodes)
                values.append(leaf_values)
        self.trees = FlatTrees(trees)
        self.values = np.concatenate(values)
        self.starts = starts
        self.forest = np.array([spec.kind == "forest" for spec, _, _ in members])
        self.base = np.stack([_baseline(spec.kind, model, n_classes) for spec, _, model in members])
        self.floors = np.array([smallest_probability(spec.kind) for spec, _, _ in members])[:, None]

    def logits(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return centred logits, float64 (n, members, k)."""
        return np.concatenate([self._logits(Z[start : start + _ROWS]) for start in range(0, len(Z), _ROWS)])

    def _logits(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        leaves = self.trees.leaves(np.concatenate([Z.astype(np.float32), Z], axis=1, dtype=np.float64))
        sums = np.add.reduceat(self.values.take(leaves, axis=0), self.starts, axis=1) + self.base
        if self.forest.all():
            values = np.log(np.clip(sums, self.floors, 1.0))
        else:
            values = np.maximum(log_softmax(sums), np.log(self.floors))
            values[:, self.forest] = np.log(np.clip(sums, self.floors, 1.0))[:, self.forest]
        return centred(values)


def _forest(model: Any, columns: NDArray[np.intp], n_classes: int) -> list[tuple[Nodes, NDArray[np.float64]]]:
    share = 1.0 / len(model.estimators_)
    trees = [estimator.tree_ for estimator in model.estimators_]
    return [(Nodes.of(tree, columns), tree.value[:, 0, :] * share) for tree in trees]


def _boosting(model: Any, columns: NDArray[np.intp], n_classes: int) -> list[tuple[Nodes, NDArray[np.float64]]]:
    found = []
    for iteration in model._predictors:
        for c, predictor in enumerate(iteration, start=1 if n_classes == 2 else 0):  # of two classes only the second
            nodes, leaf = predictor.nodes, predictor.nodes["is_leaf"].astype(bool)
            left, right = (np.where(leaf, -1, nodes[side].astype(np.intp)) for side in ("left", "right"))
            values = np.zeros((len(nodes), n_classes))
            values[:, c] = nodes["value"]
            found.append((Nodes(columns[nodes["feature_idx"]], nodes["num_threshold"], left, right), values))
    return found


def _baseline(kind: str, model: Any, n_classes: int) -> NDArray[np.float64]:
    base = np.zeros(n_classes)
    if kind == "boosting":
        base[-model._baseline_prediction.size :] = model._baseline_prediction.ravel()
    return base
