"""Scaling and vote as one: from rows of features to logits, reading as little memory as the members need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_models.ensemble.compiled.vote import CompiledVote
from ai_models.ensemble.scaler import BlockScaler

__all__ = ["CompiledPipeline"]


@dataclass(frozen=True)
class _Block:
    """What is computed of one block of features in one product.

    Attributes
    ----------
    scaled
        The leading columns of the scaled matrix that are computed.
    linear
        Which linear members see the block and take it from its features, int (m,).
    matrix
        float64 (len(scaled) + m * k, d): components of the scaler, then the members' weights on them multiplied out.
    """

    scaled: slice
    linear: NDArray[np.intp]
    matrix: NDArray[np.float64]


class CompiledPipeline:
    """The logits of a fitted scaler and vote, equal to those of one after the other within rounding.

    The time of one row is that of reading matrices from memory, and the scaler's are the largest: components times
    features. A linear member is linear in the features as well, so where that is less to read its weights are
    multiplied with the components beforehand, and only those components remain that other members see.

    Parameters
    ----------
    scaler
        Fitted.
    vote
        On the scaler's columns.
    """

    def __init__(self, scaler: BlockScaler, vote: CompiledVote) -> None:
        self._scaler = scaler
        self._vote = vote
        self._blocks: dict[str, _Block] | None = None
        self._folded = False
        components = scaler.scaled_components()
        if set(components) != set(scaler.slices_):  # a block that keeps its columns has no matrix to be read
            return
        self._blocks = _blocks(scaler.slices_, components, vote.columns_of_all, None)
        if vote.linear_weights is not None:
            folded = _blocks(scaler.slices_, components, vote.columns_of_others, vote.linear_weights)
            if _size(folded) < _size(self._blocks):
                self._blocks, self._folded = folded, True

    def logits(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return each member's centred logits, float64 (members, n, k).

        Parameters
        ----------
        X
            float32 (n, d), as the scaler takes it.
        """
        if self._blocks is None:
            return self._vote.logits(self._scaler.transform(X))
        Z = np.zeros((len(X), self._scaler.n_features_out_))
        margins = self._vote.blank_margins(len(X)) if self._folded else None
        for name, rows in self._scaler.centred_blocks(X):
            block = self._blocks.get(name)
            if block is None:
                continue
            found = rows @ block.matrix.T
            width = block.scaled.stop - block.scaled.start
            Z[:, block.scaled] = found[:, :width]
            if margins is not None and len(block.linear):
                margins[:, block.linear] += found[:, width:].reshape(len(X), len(block.linear), -1)
        return self._vote.logits(Z, margins)


def _blocks(
    slices: Mapping[str, slice],
    components: Mapping[str, NDArray[np.float64]],
    columns: NDArray[np.intp],
    linear: NDArray[np.float64] | None,
) -> dict[str, _Block]:
    """Return by block the products for these columns of the scaled matrix, and for linear weights (m, k, columns)."""
    blocks = {}
    for name, place in slices.items():
        inside = columns[(columns >= place.start) & (columns < place.stop)]
        scaled = slice(place.start, int(inside.max()) + 1 if len(inside) else place.start)
        matrix, seen = components[name][: scaled.stop - scaled.start], np.zeros(0, dtype=np.intp)
        if linear is not None:
            weights = linear[:, :, place]
            seen = np.flatnonzero(weights.any(axis=(1, 2)))
            folded = weights[seen].reshape(-1, weights.shape[2]) @ components[name]
            matrix = np.concatenate([matrix, folded])
        if len(matrix):
            blocks[name] = _Block(scaled, seen, np.ascontiguousarray(matrix))
    return blocks


def _size(blocks: Mapping[str, _Block]) -> int:
    return sum(block.matrix.size for block in blocks.values())
