"""A head that can be differentiated, fitted to say of the network's embedding what the whole model says.

The vote holds forests and boosted trees, which have no gradient. In its place stands a multinomial logistic regression
on the network's unit-length embedding, fitted to the vote's out-of-fold probabilities of the training photographs
(soft targets: Hinton, Vinyals and Dean 2015). It explains the vote only as far as it agrees with it, so its agreement
with predictions that it was not fitted on goes with every map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ai_models.classifier import HybridClassifier
from ai_models.ensemble.combination import softmax
from ai_models.explaining.evidence import Evidence, network_blocks
from ai_models.metrics import Interval, grouped_share

__all__ = ["TRUSTED", "Fidelity", "Surrogate", "fit_soft_logistic", "fit_surrogate"]

RIDGES = (0.001, 0.003, 0.01, 0.03, 0.1)
"""Penalties that are tried; scikit-learn's C is one over it."""
TRUSTED = 0.8
"""Least share of training photographs on which surrogate and vote name the same class; below, no map is believed."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fidelity:
    """How far the surrogate says what the model says, on photographs that neither was fitted on.

    Attributes
    ----------
    agreement
        Share of photographs on which both name the same class, with its interval over objects.
    difference
        Mean absolute difference of the probability of the class that the model names.
    photographs, objects
        How many stand behind these figures.
    """

    agreement: Interval
    difference: float
    photographs: int
    objects: int

    @property
    def trusted(self) -> bool:
        """Whether the agreement is high enough for maps to be believed at all."""
        return self.agreement.estimate >= TRUSTED


@dataclass(frozen=True)
class Surrogate:
    """Multinomial logistic regression on the scaled columns of the network blocks.

    Attributes
    ----------
    columns
        Network block -> its columns of the scaled matrix.
    weights
        Network block -> float64 (k, components).
    intercept
        float64 (k,).
    fidelity
        Its agreement with the model.
    """

    columns: dict[str, slice]
    weights: dict[str, Floats]
    intercept: Floats
    fidelity: Fidelity

    def probabilities(self, Z: NDArray[np.floating]) -> Floats:
        """Return float64 (n, k) of rows of the scaled matrix."""
        logits = self.intercept + sum(
            Z[:, columns].astype(np.float64) @ self.weights[name].T for name, columns in self.columns.items()
        )
        return softmax(np.asarray(logits))

    def gradient(self, model: HybridClassifier, block: str, embedding: NDArray[np.floating], a: int, b: int) -> Floats:
        """Return the gradient of the margin of class `a` over class `b` in the raw embedding of a block, float64 (d,).

        With u = e / |e|, scaled columns C (u - mean) and weights W, it is (I - u u') C' (W_a - W_b) / |e|.

        Parameters
        ----------
        model
            Its scaler holds C.
        block
            A network block.
        embedding
            float (d,): e.
        a, b
            Columns of the probabilities.
        """
        e = embedding.astype(np.float64)
        length = max(float(np.linalg.norm(e)), 1e-12)
        unit = e / length
        towards = self.weights[block][a] - self.weights[block][b]
        components = model.scaler.components_.get(block)
        in_unit = towards if components is None else towards @ components.astype(np.float64)
        return np.asarray((in_unit - (in_unit @ unit) * unit) / length)


def fit_surrogate(evidence: Evidence) -> Surrogate | None:
    """Fit the surrogate to the out-of-fold predictions; None where no voting member sees a network.

    The figures of `Fidelity` are cross-fitted over the folds of training: each photograph is judged by a surrogate
    fitted on the other folds, its penalty chosen there as well.
    """
    model = evidence.model
    seen = {block for member in model.ensemble.combination.members for block in member.blocks}
    columns = {name: model.scaler.slices_[name] for name in network_blocks(model) if name in seen}
    if not columns:
        return None
    Z = np.concatenate([evidence.scaled[:, s] for s in columns.values()], axis=1).astype(np.float64)
    targets = evidence.probabilities
    outside = {ridge: _cross_fitted(Z, targets, evidence.folds, ridge) for ridge in RIDGES}
    losses = {ridge: -(targets * np.log(p + 1e-12)).sum(axis=1) for ridge, p in outside.items()}
    chosen = np.empty_like(targets)
    for fold in np.unique(evidence.folds):
        inside = evidence.folds == fold
        best = min(RIDGES, key=lambda ridge: losses[ridge][~inside].mean())
        chosen[inside] = outside[best][inside]
    ridge = min(RIDGES, key=lambda ridge: losses[ridge].mean())
    W, intercept = fit_soft_logistic(Z, targets, ridge)
    ends = np.cumsum([s.stop - s.start for s in columns.values()])[:-1]
    weights = dict(zip(columns, np.split(W, ends, axis=1), strict=True))
    return Surrogate(columns, weights, intercept, _fidelity(targets, chosen, evidence.groups))


def fit_soft_logistic(Z: Floats, targets: Floats, ridge: float) -> tuple[Floats, Floats]:
    """Return weights (k, d) and intercept (k,) that minimise the cross-entropy to soft targets.

    The objective is - sum_ic q_ic log softmax(Z W' + c)_ic + ridge / 2 |W|^2, which is convex.

    Parameters
    ----------
    Z
        float64 (n, d).
    targets
        float64 (n, k), rows summing to 1: q.
    ridge
        Penalty, > 0.
    """
    d, k = Z.shape[1], targets.shape[1]

    def loss(flat: Floats) -> tuple[float, Floats]:
        W, c = flat[: k * d].reshape(k, d), flat[k * d :]
        logits = Z @ W.T + c
        top = logits.max(axis=1, keepdims=True)
        log_p = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
        residual = np.exp(log_p) - targets
        value = -(targets * log_p).sum() + ridge / 2 * (W**2).sum()
        return float(value), np.concatenate([(residual.T @ Z + ridge * W).ravel(), residual.sum(axis=0)])

    start = np.zeros(k * d + k)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "maxfun": 4000, "gtol": 1e-6})
    return found.x[: k * d].reshape(k, d), found.x[k * d :] - found.x[k * d :].mean()


def _cross_fitted(Z: Floats, targets: Floats, folds: NDArray[np.int64], ridge: float) -> Floats:
    out = np.empty_like(targets)
    for fold in np.unique(folds):
        inside = folds == fold
        W, c = fit_soft_logistic(Z[~inside], targets[~inside], ridge)
        out[inside] = softmax(Z[inside] @ W.T + c)
    return out


def _fidelity(targets: Floats, said: Floats, groups: NDArray[np.str_]) -> Fidelity:
    named = targets.argmax(axis=1)
    rows = np.arange(len(targets))
    agreement = grouped_share(said.argmax(axis=1) == named, groups)
    difference = float(np.abs(said[rows, named] - targets[rows, named]).mean())
    return Fidelity(agreement, difference, len(targets), len(set(groups.tolist())))
