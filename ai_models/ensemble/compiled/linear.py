"""Members that are linear in the scaled matrix, all in one product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.ensemble.compiled.fitted import Fitted, centred, log_softmax
from ai_models.ensemble.members import smallest_probability

__all__ = ["LinearMembers"]

KINDS = ("logistic", "lda", "prototype")


class LinearMembers:
    """Logistic regressions, discriminant analyses and nearest prototypes.

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
    weights, intercepts
        float64 (members, k, width) and (members, k).
    floors
        float64 (members, 1), what a log-probability of each is raised to.
    is_margin
        bool (members,): whose decision values are its logits, rather than log-probabilities.
    """

    def __init__(self, members: Sequence[Fitted], width: int, n_classes: int) -> None:
        self.weights = np.zeros((len(members), n_classes, width))
        self.intercepts = np.zeros((len(members), n_classes))
        for i, (spec, columns, model) in enumerate(members):
            self.weights[i][:, columns], self.intercepts[i] = _plane(spec.kind, model)
        self.floors = np.log([smallest_probability(spec.kind) for spec, _, _ in members])[:, None]
        self.is_margin = np.array([spec.kind == "prototype" for spec, _, _ in members])
        self._flat = self.weights.reshape(-1, width)

    def margins(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the decision values, float64 (n, members, k)."""
        return (Z @ self._flat.T).reshape(len(Z), *self.intercepts.shape) + self.intercepts

    def logits(self, margins: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the centred logits of decision values, float64 (n, members, k)."""
        values = np.maximum(log_softmax(margins), self.floors)
        if self.is_margin.any():
            values[:, self.is_margin] = margins[:, self.is_margin]
        return centred(values)


def _plane(kind: str, model: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights (k, d) and intercepts (k,): the decision values themselves, or up to what all classes share."""
    if kind == "prototype":
        weights, intercepts = 2.0 * model.prototypes_, -(model.prototypes_**2).sum(axis=1)
        if len(weights) > 2:
            return weights, intercepts
        weights, intercepts = weights[1] - weights[0], intercepts[1] - intercepts[0]
        return np.stack([-weights, weights]), np.stack([-intercepts, intercepts])
    if len(model.classes_) > 2:
        return model.coef_, model.intercept_
    return np.concatenate([np.zeros_like(model.coef_), model.coef_]), np.append(0.0, model.intercept_)
