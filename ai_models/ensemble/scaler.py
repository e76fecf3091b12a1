"""Bring feature blocks to one scale: unit length a block, one spread for all, then principal components."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ai_models.ensemble.derived import Derived
from ai_models.ensemble.matrix import finite_matrix
from ai_models.ensemble.principal_components import principal_components

__all__ = ["BlockScaler"]

Array = NDArray[np.float32]


class BlockScaler(Derived, TransformerMixin, BaseEstimator):
    """Scale each block to rows of unit Euclidean length, then rotate it to its principal components.

    Components are not whitened, so distances inside a block stay those of the unit vectors (up to what the
    discarded components held), and a linear model sees the same geometry in far fewer columns. Unit vectors of one
    block may lie in a narrow cone and those of another all around: where `reference` is given, every other block is
    stretched to the spread of that one, so that in a view of several blocks none drowns another, and one strength of
    a penalty means the same for all.

    Parameters
    ----------
    blocks
        Block name -> columns of X. Blocks may not overlap; columns outside of them are dropped.
    max_components
        Most components kept for a block, one number for all or one each; 0 keeps the unit vectors as they are.
    variance
        Share of a block's variance in (0, 1] at which components stop earlier.
    reference
        Blocks whose rows keep unit length; the root-mean-square distance of the first one's rows from their mean is
        what every other block is brought to. None: every block keeps unit length.

    Attributes
    ----------
    slices_ : dict of str to slice
        Block name -> columns of the transformed matrix, components in falling order of variance.

    Notes
    -----
    Fitted by the eigenvectors of the smaller of covariance and Gram matrix; each component's sign is fixed so that
    its largest loading is positive, hence equal input gives equal bytes.
    """

    def __init__(
        self,
        blocks: Mapping[str, slice],
        max_components: int | Mapping[str, int] = 256,
        variance: float = 1.0,
        reference: Sequence[str] = (),
    ) -> None:
        self.blocks = blocks
        self.max_components = max_components
        self.variance = variance
        self.reference = reference

    def fit(self, X: Array, y: object = None) -> Self:
        """Learn each block's mean and components.

        Parameters
        ----------
        X
            Float (n, d), finite; training rows only.
        y
            Ignored.
        """
        X = finite_matrix(X, np.float32)
        self._forget()
        self.n_features_in_ = X.shape[1]
        self.mean_: dict[str, NDArray[np.float32]] = {}
        self.components_: dict[str, NDArray[np.float32]] = {}
        self.slices_: dict[str, slice] = {}
        self.spread_: dict[str, float] = {}
        start = 0
        for name, columns in self.blocks.items():
            unit = _unit_rows(X[:, columns])
            self.mean_[name] = unit.mean(axis=0)
            self.spread_[name] = float(np.sqrt(((unit - self.mean_[name]) ** 2).sum(axis=1, dtype=np.float64).mean()))
            width = unit.shape[1]
            most = self.max_components if isinstance(self.max_components, int) else self.max_components[name]
            if most:
                self.components_[name] = principal_components(unit - self.mean_[name], most, self.variance)
                width = len(self.components_[name])
            self.slices_[name] = slice(start, start + width)
            start += width
        self.n_features_out_ = start
        return self

    def transform(self, X: Array) -> NDArray[np.float64]:
        """Return the scaled blocks side by side, float64 (n, sum of components)."""
        out = np.empty((len(X), self.n_features_out_))
        for name, rows in self.centred_blocks(X):
            components = self._axes.get(name)
            rotated = rows if components is None else rows @ components.T
            out[:, self.slices_[name]] = rotated * self.stretch(name)
        return out

    def centred_blocks(self, X: Array) -> Iterator[tuple[str, NDArray[np.float64]]]:
        """Yield each block and its rows at unit length less their mean, float64 (n, columns of the block)."""
        check_is_fitted(self, "slices_")
        X = finite_matrix(X, np.float32)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(f"X must have the {self.n_features_in_} columns of fitting, got {X.shape[1]}")
        for name, columns in self.blocks.items():  # float64, so that sums are equal for any number of threads
            yield name, (_unit_rows(X[:, columns]) - self.mean_[name]).astype(np.float64)

    def scaled_components(self) -> dict[str, NDArray[np.float64]]:
        """Return by block the matrix from `centred_blocks` to the columns of `transform`, float64 (k, columns).

        A block that keeps its columns has none.
        """
        return {name: found.astype(np.float64) * self.stretch(name) for name, found in self.components_.items()}

    @cached_property
    def _axes(self) -> dict[str, NDArray[np.float64]]:
        """The components in the precision of the product: converting them takes longer than the product of one row."""
        return {name: components.astype(np.float64) for name, components in self.components_.items()}

    def stretch(self, name: str) -> float:
        """Return what a block's unit rows are multiplied by."""
        if not self.reference or name in self.reference or self.spread_[name] < 1e-9:
            return 1.0
        return self.spread_[self.reference[0]] / self.spread_[name]

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Return ``block_pc000`` ... in the order of the columns."""
        check_is_fitted(self, "slices_")
        kind = {block: "pc" if block in self.components_ else "unit" for block in self.slices_}
        names = [f"{b}_{kind[b]}{i:03d}" for b, s in self.slices_.items() for i in range(s.stop - s.start)]
        return np.array(names, dtype=object)


def _unit_rows(X: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.sqrt(np.einsum("ij,ij->i", X, X, dtype=np.float64))
    return np.asarray(X / np.maximum(length, 1e-12)[:, None], dtype=np.float32)
