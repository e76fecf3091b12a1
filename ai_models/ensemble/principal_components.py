"""Leading principal components of centred rows: exact, and beyond a size by subspace iteration.

The exact way takes the eigenvectors of the smaller of covariance and Gram matrix, which costs the cube of that side.
Where both sides are beyond `LARGE`, the leading subspace is found by a block of random directions that is multiplied by
the rows and their transpose a few times (Halko, Martinsson & Tropp, SIAM Review 53, 2011, algorithm 4.4): the cost then
grows with the number of rows alone. Components that carry much variance come out as the exact ones; of the last, which
carry next to nothing, a few differ. The start is fixed, so that equal input gives equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ai_models.core.rng import generator

__all__ = ["LARGE", "principal_components"]

LARGE = 2000
"""Rows and columns beyond which the exact way is left."""
_SPARE = 64
"""Directions beyond those asked for."""
_ROUNDS = 4


def principal_components(centred: NDArray[np.float32], most: int, variance: float = 1.0) -> NDArray[np.float32]:
    """Return the leading components, float32 (k, d), orthonormal, in falling order of variance.

    Parameters
    ----------
    centred
        float32 (n, d), rows about their mean.
    most
        Largest k; fewer where the rows span less.
    variance
        Share of the variance in (0, 1] at which components stop earlier.

    Notes
    -----
    The sign of each is such that its largest loading is positive. Rows that are all equal give one component of zeros.
    """
    n, d = centred.shape
    large = min(n, d) > LARGE and 4 * most <= min(n, d)
    values, total, leading = _iterated(centred, most) if large else _exact(centred)
    if total <= 1e-12 * max(n, 1):
        return np.zeros((1, d), dtype=np.float32)  # a constant block carries nothing
    enough = int(np.searchsorted(np.cumsum(values) / total, variance)) + 1
    rank = int((values > total * 1e-10).sum())
    k = max(1, min(enough, rank, most))
    components = leading(k)
    largest = np.abs(components).argmax(axis=1)
    signs = np.sign(components[np.arange(k), largest])
    return np.asarray(components * signs[:, None], dtype=np.float32)


Spectrum = tuple[NDArray[np.float64], float, Callable[[int], NDArray[np.float64]]]
"""Falling eigenvalues, the sum of all that there are, and what gives the k leading components, float64 (k, d)."""


def _exact(centred: NDArray[np.float32]) -> Spectrum:
    n, d = centred.shape
    A = centred.astype(np.float64)
    values, vectors = np.linalg.eigh(A @ A.T if n < d else A.T @ A)
    values, vectors = np.clip(values[::-1], 0.0, None), vectors[:, ::-1]

    def leading(k: int) -> NDArray[np.float64]:
        along = vectors[:, :k].T
        return np.asarray((along @ A) / np.sqrt(values[:k])[:, None] if n < d else along)

    return values, float(values.sum()), leading


def _iterated(centred: NDArray[np.float32], most: int) -> Spectrum:
    start = generator(0, "principal components", *centred.shape).standard_normal((centred.shape[1], most + _SPARE))
    basis = start.astype(np.float32)
    for _ in range(_ROUNDS):
        along = np.linalg.qr(centred @ basis)[0]
        basis = np.linalg.qr(centred.T @ along)[0]
    projected = (centred @ basis).astype(np.float64)
    values, turn = np.linalg.eigh(projected.T @ projected)
    total = float(np.einsum("ij,ij->", centred, centred, dtype=np.float64))
    turned = (basis.astype(np.float64) @ turn[:, ::-1][:, :most]).T
    return np.clip(values[::-1][:most], 0.0, None), total, lambda k: turned[:k]
