"""What detectors look at: rows of unit length, split into their principal components and what is left over."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from ai_models.ensemble.derived import Derived
from ai_models.ensemble.principal_components import LARGE, principal_components

__all__ = ["PrincipalView", "View"]

MOST_COMPONENTS = 128
ROWS_PER_COMPONENT = 4
"""Fitting rows behind each component: with fewer, a component describes its rows rather than their kind."""
STRENGTH = 100.0
"""Inverse strength of the ridge penalty of the linear head; that of the plain baseline among the candidates."""


@dataclass(frozen=True)
class View:
    """Rows as detectors see them.

    Attributes
    ----------
    rows
        float32 (n, d), unit length.
    along
        float64 (n, r), coordinates on the principal components of the fitted rows.
    across
        float64 (n,), distance to the subspace of these components.
    logits
        float64 (n, k), of a logistic regression on `rows`; (n, 1) zeros where there is a single class.
    """

    rows: NDArray[np.float32]
    along: NDArray[np.float64]
    across: NDArray[np.float64]
    logits: NDArray[np.float64]


class PrincipalView(Derived, BaseEstimator):
    """Fitted on known rows: mean, leading principal components and a linear head.

    Attributes
    ----------
    mean_ : numpy.ndarray
        float32 (d,).
    components_ : numpy.ndarray
        float32 (r, d), orthonormal, r = a quarter of the rows and at most 128.
    """

    def fit(self, rows: NDArray[np.float32], y: NDArray[np.int64]) -> Self:
        """Learn from float32 (n, d) rows of unit length and int64 (n,) classes; n >= 2."""
        self._forget()
        self.mean_: NDArray[np.float32] = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        r = max(1, min(len(rows) // ROWS_PER_COMPONENT, MOST_COMPONENTS, rows.shape[1]))
        self.components_ = _basis(rows - self.mean_, r)
        self.head_ = None
        if len(np.unique(y)) > 1:
            self.head_ = LogisticRegression(C=STRENGTH, max_iter=1000).fit(rows.astype(np.float64), y)
        return self

    def transform(self, rows: NDArray[np.float32]) -> View:
        """Return the view of float32 (n, d) rows of unit length."""
        along, across = self._split(rows)
        return View(rows, along, across, self._logits(rows))

    @cached_property
    def _axes(self) -> NDArray[np.float64]:
        """The components in the precision of the product."""
        return self.components_.astype(np.float64)

    def _split(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        centred = (rows - self.mean_).astype(np.float64)  # sums equal for any number of threads
        along = centred @ self._axes.T
        return along, np.sqrt(np.maximum((centred**2).sum(axis=1) - (along**2).sum(axis=1), 0.0))

    def _logits(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        if self.head_ is None:
            return np.zeros((len(rows), 1))
        found = rows.astype(np.float64) @ self.head_.coef_.T + self.head_.intercept_
        return np.asarray(found if found.shape[1] > 1 else found * np.array([-0.5, 0.5]))


def _basis(centred: NDArray[np.float32], r: int) -> NDArray[np.float32]:
    """Return r leading components of centred rows, float32 (r, d), also where the rows span less."""
    if len(centred) > max(centred.shape[1], LARGE):  # the Gram matrix would be the larger one
        return principal_components(centred, r)
    A = centred.astype(np.float64)
    variances, vectors = np.linalg.eigh(A @ A.T)
    leading = np.maximum(variances[::-1][:r], 1e-12)
    basis = (vectors[:, ::-1][:, :r] / np.sqrt(leading)).T @ A
    largest = np.abs(basis).argmax(axis=1)  # an eigenvector's sign is arbitrary: fix it
    return np.asarray(basis * np.sign(basis[np.arange(len(basis)), largest])[:, None], dtype=np.float32)
