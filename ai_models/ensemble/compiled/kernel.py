"""Support vector machines with a radial kernel, without libsvm's call and its checks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.ensemble.compiled.fitted import Fitted, centred

__all__ = ["KernelMembers", "Machine"]

KINDS = ("svm",)


class KernelMembers:
    """One-against-one machines, their pairs put together as scikit-learn's ``decision_function_shape="ovr"`` does.

    Parameters
    ----------
    members
        Fitted, of `KINDS`.
    n_classes
        k.

    Attributes
    ----------
    machines
        One a member.
    first, second
        float64 (pairs, k), 1 at the class that a positive, or a negative, decision value of a pair speaks for.
    binary
        Whether there are two classes.
    """

    def __init__(self, members: Sequence[Fitted], n_classes: int) -> None:
        self.machines = [Machine(columns, model, n_classes) for _, columns, model in members]
        pairs = list(combinations(range(n_classes), 2))
        self.first = np.eye(n_classes)[[i for i, _ in pairs]]  # (pairs, k): the class that a positive value speaks for
        self.second = np.eye(n_classes)[[j for _, j in pairs]]
        self.binary = n_classes == 2

    def logits(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return centred logits, float64 (n, members, k)."""
        pairs = np.stack([machine.pairs(Z) for machine in self.machines], axis=1)
        if self.binary:
            return centred(np.concatenate([-pairs, pairs], axis=2))
        votes = (pairs >= 0) @ self.first + (pairs < 0) @ self.second
        confidence = pairs @ (self.first - self.second)
        return centred(votes + confidence / (3.0 * (np.abs(confidence) + 1.0)))


class Machine:
    """One member: the decision value of each pair of classes is a sum over support vectors.

    Parameters
    ----------
    columns
        Of the scaled matrix.
    model
        A fitted ``sklearn.svm.SVC``.
    n_classes
        k.

    Attributes
    ----------
    vectors, lengths
        float64 (vectors, columns) and their squared lengths (vectors,).
    gamma
        Of the radial kernel.
    duals, intercepts
        float64 (pairs, vectors) and (pairs,).
    """

    def __init__(self, columns: NDArray[np.intp], model: Any, n_classes: int) -> None:
        self.columns = columns
        self.vectors = np.ascontiguousarray(model.support_vectors_, dtype=np.float64)
        self.lengths = np.einsum("ij,ij->i", self.vectors, self.vectors)
        self.gamma = float(model._gamma)
        self.duals = _duals(np.asarray(model.dual_coef_), model.n_support_, n_classes)
        self.intercepts = np.asarray(model.intercept_, dtype=np.float64)

    def pairs(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the decision value of each pair of classes, float64 (n, pairs); for two classes, of the second."""
        rows = Z.take(self.columns, axis=1)
        squared = self.lengths + np.einsum("ij,ij->i", rows, rows)[:, None] - 2.0 * (rows @ self.vectors.T)
        return np.asarray(np.exp(-self.gamma * np.maximum(squared, 0.0)) @ self.duals.T + self.intercepts)


def _duals(dual_coef: NDArray[np.float64], counts: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    """Return the weight of each support vector in each pair of classes, float64 (pairs, vectors).

    libsvm keeps, in k - 1 rows, for a vector of class i its weight against each other class in order.
    """
    if n_classes == 2:
        return dual_coef
    ends = np.concatenate([[0], np.cumsum(counts)])
    duals = np.zeros((n_classes * (n_classes - 1) // 2, dual_coef.shape[1]))
    for pair, (i, j) in enumerate(combinations(range(n_classes), 2)):
        own, other = slice(ends[i], ends[i + 1]), slice(ends[j], ends[j + 1])
        duals[pair, own], duals[pair, other] = dual_coef[j - 1, own], dual_coef[i, other]
    return duals
