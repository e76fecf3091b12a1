"""The classifiers of the vote: which kinds there are, what columns each sees, and their logits.

A member is a kind of classifier on a view (one or several blocks of the scaled matrix). Its logits are whatever the
vote needs to weigh it: log-probabilities where it has probabilities, decision values where it has margins, centred
so that each row sums to zero.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from ai_models.core.errors import ConfigError
from ai_models.ensemble.prototypes import NearestPrototype

__all__ = ["KINDS", "MemberSpec", "build", "columns_of", "logits", "smallest_probability"]

Factory = Callable[[int, Mapping[str, Any]], BaseEstimator]


@dataclass(frozen=True)
class MemberSpec:
    """One candidate for the vote.

    Attributes
    ----------
    kind
        A key of `KINDS`, or ``module:factory``.
    blocks
        Names of the blocks it sees.
    components
        Leading components of each block that it sees; 0 for all.
    params
        Its hyper-parameters, as sorted pairs.
    """

    kind: str
    blocks: tuple[str, ...]
    components: int = 0
    params: tuple[tuple[str, Any], ...] = field(default=())

    @property
    def family(self) -> str:
        """Kind and view without the hyper-parameters: one of each family enters the vote."""
        return f"{self.kind}({'+'.join(self.blocks)})"

    @property
    def name(self) -> str:
        """Family, components and hyper-parameters."""
        told = {"components": self.components, **dict(self.params)} if self.components else dict(self.params)
        return self.family + "".join(f" {k}={v:g}" if isinstance(v, float) else f" {k}={v}" for k, v in told.items())


def _logistic(seed: int, params: Mapping[str, Any]) -> BaseEstimator:
    return LogisticRegression(C=params.get("C", 10.0), class_weight=params.get("class_weight"), max_iter=1000)


def _svm(seed: int, params: Mapping[str, Any]) -> BaseEstimator:
    return SVC(C=params.get("C", 1.0), kernel="rbf", gamma="scale", decision_function_shape="ovr", random_state=seed)


def _forest(seed: int, params: Mapping[str, Any]) -> BaseEstimator:
    return RandomForestClassifier(
        n_estimators=200, min_samples_leaf=int(params.get("leaf", 1)), n_jobs=1, random_state=seed
    )


def _boosting(seed: int, params: Mapping[str, Any]) -> BaseEstimator:
    return HistGradientBoostingClassifier(
        max_iter=int(params.get("iterations", 60)),
        learning_rate=0.1,
        max_leaf_nodes=6,
        min_samples_leaf=5,
        early_stopping=False,
        random_state=seed,
    )


def _lda(seed: int, params: Mapping[str, Any]) -> BaseEstimator:
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


def _prototype(seed: int, params: Mapping[str, Any]) -> BaseEstimator:
    return NearestPrototype()


KINDS: dict[str, Factory] = {
    "logistic": _logistic,
    "svm": _svm,
    "forest": _forest,
    "boosting": _boosting,
    "lda": _lda,
    "prototype": _prototype,
}
"""Kind -> how to build it from (seed, hyper-parameters)."""

_SMALLEST = {"forest": 5e-3}


def build(spec: MemberSpec, seed: int) -> BaseEstimator:
    """Return the unfitted classifier of a spec.

    Parameters
    ----------
    spec
        Its kind is a key of `KINDS`, or ``module:factory``: an importable function from (seed, hyper-parameters) to a
        scikit-learn classifier with ``predict_proba`` or ``decision_function``. Being a name, it works in worker
        processes too; the class that it returns must be importable where the model is loaded.
    seed
        Seed of what the member draws.

    Raises
    ------
    ConfigError
        When there is no such kind.
    """
    return _factory(spec.kind)(seed, dict(spec.params))


def _factory(kind: str) -> Factory:
    if kind in KINDS:
        return KINDS[kind]
    module, _, name = kind.partition(":")
    try:
        found: Factory = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            [f"member '{kind}' must be one of {', '.join(KINDS)} or an importable module:factory ({error})"]
        ) from error
    return found


def columns_of(spec: MemberSpec, slices: Mapping[str, slice]) -> NDArray[np.intp]:
    """Return the columns of the scaled matrix that the member sees.

    Parameters
    ----------
    spec
        The member.
    slices
        Block -> columns, as `BlockScaler.slices_`.
    """
    parts = []
    for block in spec.blocks:
        s = slices[block]
        stop = min(s.stop, s.start + spec.components) if spec.components else s.stop
        parts.append(np.arange(s.start, stop))
    return np.concatenate(parts)


def smallest_probability(kind: str) -> float:
    """Return what a probability of a member of this kind is raised to: a forest's zero votes are not a zero."""
    return _SMALLEST.get(kind, 1e-6)


def logits(estimator: Any, Z: NDArray[np.float64], kind: str, n_classes: int) -> NDArray[np.float64]:
    """Return a fitted member's centred logits, float64 (n, n_classes).

    Parameters
    ----------
    estimator
        Fitted on labels 0..n_classes-1, all present.
    Z
        The member's columns, float64 (n, d).
    kind
        Bounds how sure a member of this kind may be: a forest's zero votes are not a probability of zero.
    n_classes
        k.
    """
    if hasattr(estimator, "predict_proba") and kind != "svm":
        values = np.log(np.clip(estimator.predict_proba(Z), smallest_probability(kind), 1.0))
    else:
        margins = np.asarray(estimator.decision_function(Z), dtype=np.float64)
        values = np.stack([-margins, margins], axis=1) if margins.ndim == 1 else margins
    if values.shape[1] != n_classes:
        raise ValueError(f"a {kind} member was fitted on {values.shape[1]} of {n_classes} classes")
    return np.asarray(values - values.mean(axis=1, keepdims=True), dtype=np.float64)
