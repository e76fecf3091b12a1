"""Isolation forests as one table of nodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from ai_models.ensemble.compiled.flat_trees import FlatTrees, Nodes

__all__ = ["IsolationForests"]


class IsolationForests:
    """Several forests over the same columns, walked at once.

    The score of a row is ``2 ** (-E h / c(m))``, E h being the mean over the trees of the depth of its leaf, plus
    c(rows of the leaf) for the cuts that were not made, and c(m) the mean depth of m rows in a random tree
    (Liu, Ting & Zhou, ICDM 2008); it is ``-score_samples`` of scikit-learn.

    Parameters
    ----------
    forests
        Fitted, each on all columns.
    """

    def __init__(self, forests: Sequence[IsolationForest]) -> None:
        trees = [estimator.tree_ for forest in forests for estimator in forest.estimators_]
        nodes = [Nodes.of(tree) for tree in trees]
        self._trees = FlatTrees(nodes)
        sizes = np.concatenate([tree.n_node_samples for tree in trees])
        self._lengths = np.concatenate([tree.depths() for tree in nodes]) + _mean_depth(sizes)
        counts = [len(forest.estimators_) for forest in forests]
        self._starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        self._scale = np.array(counts) * np.array([_mean_depth(np.array([f.max_samples_]))[0] for f in forests])

    def scores(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return how easily each row is isolated, float64 (forests, n), each in (0, 1].

        Parameters
        ----------
        rows
            float32 (n, d), finite.
        """
        lengths = np.add.reduceat(self._lengths.take(self._trees.leaves(rows)), self._starts, axis=1)
        relative = np.divide(lengths, self._scale, out=np.ones_like(lengths), where=self._scale > 0)
        return np.asarray(2.0**-relative).T


def _mean_depth(rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return c(m), the mean length of an unsuccessful search in a binary search tree of m rows."""
    m = np.maximum(rows.astype(np.float64), 2.0)
    harmonic = np.log(m - 1.0) + np.euler_gamma
    return np.where(rows <= 1, 0.0, np.where(rows == 2, 1.0, 2.0 * harmonic - 2.0 * (m - 1.0) / m))
