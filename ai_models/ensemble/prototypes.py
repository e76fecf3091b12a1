"""The simplest classifier that learns: the nearest class mean."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_array, check_is_fitted

__all__ = ["NearestPrototype"]


class NearestPrototype(ClassifierMixin, BaseEstimator):
    """Score rows by their distance to the mean of each class (Snell et al. 2017, *Prototypical networks*).

    Every class has one vector, so a class of five photographs is estimated by five and not by a boundary between
    hundreds of columns. The margin of class c is ``2 z.m_c - m_c.m_c``, the negative squared distance up to what all
    classes share; class frequencies play no part in it.

    Attributes
    ----------
    classes_ : numpy.ndarray
        (k,), sorted.
    prototypes_ : numpy.ndarray
        float64 (k, d), the class means.
    """

    def fit(self, Z: NDArray[np.float64], y: ArrayLike) -> Self:
        """Take the mean of each class; Z float (n, d), y (n,)."""
        Z = check_array(Z, dtype=np.float64)
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        self.prototypes_ = np.stack([Z[codes == c].mean(axis=0) for c in range(len(self.classes_))])
        return self

    def decision_function(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the margins, float64 (n, k); for two classes (n,), that of the second over the first."""
        check_is_fitted(self, "prototypes_")
        Z = check_array(Z, dtype=np.float64)
        margins = 2.0 * Z @ self.prototypes_.T - (self.prototypes_**2).sum(axis=1)
        return np.asarray(margins[:, 1] - margins[:, 0] if len(self.classes_) == 2 else margins)

    def predict(self, Z: NDArray[np.float64]) -> NDArray[np.generic]:
        """Return the class whose mean is nearest, (n,)."""
        margins = self.decision_function(Z)
        return np.asarray(self.classes_[(margins > 0).astype(int) if margins.ndim == 1 else margins.argmax(axis=1)])
