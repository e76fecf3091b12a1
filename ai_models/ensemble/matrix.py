"""The check of a matrix that is already what it should be, at a fraction of its time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array

__all__ = ["finite_matrix"]


def finite_matrix(X: Any, dtype: type[np.floating[Any]]) -> NDArray[Any]:
    """Return X as a finite matrix; the same as scikit-learn's ``check_array``, which takes 50 microseconds a call.

    Parameters
    ----------
    X
        Anything like an array (n, d).
    dtype
        Of the result.

    Raises
    ------
    ValueError
        As ``check_array``: when it is empty, not two-dimensional, or holds NaN or infinity.
    """
    if type(X) is np.ndarray and X.ndim == 2 and X.size and X.dtype == dtype and np.isfinite(X).all():
        return X
    return np.asarray(check_array(X, dtype=dtype))
