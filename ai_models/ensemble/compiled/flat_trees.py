"""Many decision trees as one table of nodes, walked level by level, all trees at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["FlatTrees", "Nodes"]

_ROWS = 64
"""Rows walked together: tables of more (rows x trees) leave the caches."""


@dataclass(frozen=True)
class Nodes:
    """The nodes of one tree, the root first; a row goes left where ``row[feature] <= threshold``.

    Attributes
    ----------
    feature
        int (m,); anything at leaves.
    threshold
        float64 (m,); anything at leaves.
    left, right
        int (m,), the children; -1 in both at leaves.
    """

    feature: NDArray[Any]
    threshold: NDArray[np.float64]
    left: NDArray[Any]
    right: NDArray[Any]

    @classmethod
    def of(cls, tree: Any, columns: NDArray[np.intp] | None = None) -> Self:
        """Return the nodes of a fitted ``sklearn.tree`` ``tree_``, its features renamed to `columns` where given."""
        feature = np.maximum(tree.feature, 0)
        feature = feature if columns is None else columns[feature]
        return cls(feature, tree.threshold, tree.children_left, tree.children_right)

    def depths(self) -> NDArray[np.int64]:
        """Return how many steps lead from the root to each node, int64 (m,)."""
        depths = np.zeros(len(self.left), dtype=np.int64)
        level, steps = np.array([0]), 0
        while len(level := level[self.left[level] >= 0]):
            level, steps = np.concatenate([self.left[level], self.right[level]]), steps + 1
            depths[level] = steps
        return depths


class FlatTrees:
    """Trees over the same columns.

    scikit-learn walks a tree in compiled code but asks one tree after another, checking its input each time: about
    60 microseconds a tree. Here a step of all trees is a handful of NumPy calls, and there are as many steps as the
    deepest tree has levels.

    Parameters
    ----------
    trees
        At least one.

    Attributes
    ----------
    offsets
        intp (trees,), place of each tree's first node in the table: node j of tree t is ``offsets[t] + j``.
    depth
        Steps that lead to the deepest leaf.
    feature, threshold
        Of each node, (nodes,); 0 and infinity at leaves.
    children
        intp (2 * nodes,), left and right of each node in turn; a leaf leads to itself.
    """

    def __init__(self, trees: Sequence[Nodes]) -> None:
        sizes = np.array([len(tree.feature) for tree in trees])
        self.offsets: NDArray[np.intp] = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
        self.depth = max(int(tree.depths().max()) for tree in trees)
        own = np.arange(sizes.sum())
        start = np.repeat(self.offsets, sizes)
        leaf = np.concatenate([tree.left for tree in trees]) < 0
        self.feature = np.where(leaf, 0, np.concatenate([tree.feature for tree in trees])).astype(np.intp)
        self.threshold = np.where(leaf, np.inf, np.concatenate([tree.threshold for tree in trees]))
        sides = [np.concatenate([getattr(tree, side) for tree in trees]) for side in ("left", "right")]
        self.children = np.stack([np.where(leaf, own, start + side) for side in sides], axis=1).ravel().astype(np.intp)

    def leaves(self, rows: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
        """Return the leaf that each row reaches in each tree, intp (n, trees), as a place in the table.

        Parameters
        ----------
        rows
            Float (n, d), finite. Comparisons are exact in the precision that is given: the trees of
            ``sklearn.tree`` were grown on float32, those of ``HistGradientBoosting`` on float64.

        Raises
        ------
        ValueError
            When a value is not finite: which side it would go to is not kept.
        """
        if not np.isfinite(rows).all():
            raise ValueError("rows must be finite, got NaN or infinity: leave such rows out")
        parts = [self._walk(rows[start : start + _ROWS]) for start in range(0, len(rows), _ROWS)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.offsets)), dtype=np.intp)

    def _walk(self, rows: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
        flat = np.ascontiguousarray(rows).ravel()
        first = (np.arange(len(rows)) * rows.shape[1])[:, None]
        node = np.broadcast_to(self.offsets, (len(rows), len(self.offsets)))
        for _ in range(self.depth):  # a leaf leads to itself
            value = flat.take(self.feature.take(node) + first)
            node = self.children.take(2 * node + (value > self.threshold.take(node)))
        return np.asarray(node, dtype=np.intp)
