"""The fitted vote: members, weights, temperature."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from ai_models.core.rng import derive_seed
from ai_models.ensemble.combination import Combination, softmax
from ai_models.ensemble.compiled import CompiledPipeline, CompiledVote
from ai_models.ensemble.derived import Derived
from ai_models.ensemble.matrix import finite_matrix
from ai_models.ensemble.members import MemberSpec, build, columns_of
from ai_models.ensemble.scaler import BlockScaler

__all__ = ["VotingEnsemble"]


class VotingEnsemble(Derived, ClassifierMixin, BaseEstimator):
    """Calibrated vote of several classifiers over the scaled feature matrix.

    p = softmax(sum_m w_m * logits_m / T), with weights and temperature fixed beforehand on out-of-fold logits
    (see `ai_models.ensemble.combination`); `fit` refits the members on every row that it is given.

    Parameters
    ----------
    combination
        Members, weights and temperature.
    slices
        Block -> columns of the matrix, as `BlockScaler.slices_`.
    seed
        Seed of the members that draw.
    """

    def __init__(self, combination: Combination, slices: Mapping[str, slice], seed: int = 0) -> None:
        self.combination = combination
        self.slices = slices
        self.seed = seed

    def fit(self, Z: NDArray[np.float64], y: ArrayLike) -> Self:
        """Fit every member.

        Parameters
        ----------
        Z
            float64 (n, d), the scaled matrix.
        y
            (n,), labels; sorted, they are the classes of the columns of `predict_proba`.
        """
        Z = finite_matrix(Z, np.float64)
        self._forget()
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        self.members_ = []
        for spec in self.combination.members:
            columns = columns_of(spec, self.slices)
            estimator = build(spec, derive_seed(self.seed, "member", spec.name))
            self.members_.append((spec, columns, estimator.fit(Z[:, columns], codes)))
        return self

    def member_logits(self, Z: NDArray[np.float64]) -> dict[MemberSpec, NDArray[np.float64]]:
        """Return each member's centred logits, float64 (n, k)."""
        return {spec: values for (spec, _, _), values in zip(self.members_, self._logits(Z), strict=True)}

    def predict_logits(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the pooled logits after the temperature, float64 (n, k)."""
        return self.combination.pooled(self._logits(Z))

    def behind(self, scaler: BlockScaler) -> CompiledPipeline:
        """Return this vote on what a scaler makes of features: its `logits` are those that members have there."""
        check_is_fitted(self, "members_")
        return CompiledPipeline(scaler, self._compiled)

    def _logits(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        check_is_fitted(self, "members_")
        Z = finite_matrix(Z, np.float64)
        if Z.shape[1] != self._width:
            raise ValueError(f"Z must have the {self._width} columns of fitting, got {Z.shape[1]}")
        return self._compiled.logits(Z)

    @cached_property
    def _compiled(self) -> CompiledVote:
        return CompiledVote(self.members_, self._width, len(self.classes_))

    @property
    def _width(self) -> int:
        return max(int(columns.stop) for columns in self.slices.values())

    def predict_proba(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated probabilities, float64 (n, k), rows summing to 1."""
        return softmax(self.predict_logits(Z))

    def predict(self, Z: NDArray[np.float64]) -> NDArray[np.generic]:
        """Return the likeliest class of each row, (n,)."""
        return np.asarray(self.classes_[self.predict_logits(Z).argmax(axis=1)])
