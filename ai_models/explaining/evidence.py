"""What an explanation is measured against: the photographs that a model was trained on, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_models.classifier import HybridClassifier
from ai_models.core.errors import DataError
from ai_models.core.records import ImageRecord
from ai_models.core.settings import is_embedding
from ai_models.ensemble.scaler import BlockScaler
from ai_models.features import CnnExtractor

__all__ = ["Evidence", "embedding_blocks", "network_blocks", "unit_vectors"]


def network_blocks(model: HybridClassifier) -> dict[str, CnnExtractor]:
    """Return the blocks of a model that are the embeddings of networks, by name; the stages are not among them."""
    return {b.name: b for b in model.extractor.blocks if isinstance(b, CnnExtractor) and is_embedding(b.name)}


def embedding_blocks(model: HybridClassifier) -> tuple[str, ...]:
    """Return the blocks in which photographs are compared: the networks, or all where there is none."""
    return tuple(network_blocks(model)) or tuple(model.extractor.block_slices)


def unit_vectors(model: HybridClassifier, X: NDArray[np.float32], blocks: tuple[str, ...]) -> NDArray[np.float64]:
    """Return rows of unit length whose product is the mean cosine over the blocks, float64 (n, d).

    Parameters
    ----------
    model
        It knows the columns of each block.
    X
        float32 (n, all columns), as `extractor.extract_batch` gives it.
    blocks
        Those to compare in.
    """
    slices = model.extractor.block_slices
    return _side_by_side([X[:, slices[name]].astype(np.float64) for name in blocks])


@dataclass(frozen=True)
class Evidence:
    """The n training photographs of a model, augmented copies left out.

    Attributes
    ----------
    model
        The model that was fitted on them.
    root
        Folder that their files lay in; they need not be there any more.
    records
        Their rows of the manifest.
    groups
        (n,), the object that each shows.
    scaled
        float (n, scaled columns): what `model.scaler` makes of them.
    probabilities
        float64 (n, k): what models that had not seen the object say of each (out of fold).
    """

    model: HybridClassifier
    root: Path
    records: tuple[ImageRecord, ...]
    groups: NDArray[np.str_]
    scaled: NDArray[np.floating]
    probabilities: NDArray[np.float64]

    def __post_init__(self) -> None:
        expected = (len(self.records), self.model.scaler.n_features_out_)
        if self.scaled.shape != expected or len(self.probabilities) != len(self.records):
            raise DataError(
                f"the features kept of the training photographs must have the shape {expected}, got "
                f"{self.scaled.shape}: restore the whole model directory or train again"
            )

    def __len__(self) -> int:
        return len(self.records)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """int64 (n,), classes as columns of the probabilities."""
        code = {name: i for i, name in enumerate(self.model.classes)}
        return np.array([code[r.label] for r in self.records], dtype=np.int64)

    @cached_property
    def folds(self) -> NDArray[np.int64]:
        """int64 (n,), the fold without which each was predicted."""
        return np.array([r.fold for r in self.records], dtype=np.int64)

    @cached_property
    def unit(self) -> NDArray[np.float64]:
        """float64 (n, d), as `unit_vectors` in `embedding_blocks`; restored from the principal components."""
        scaler = self.model.scaler
        return _side_by_side([_restored(scaler, name, self.scaled) for name in embedding_blocks(self.model)])


def _restored(scaler: BlockScaler, name: str, scaled: NDArray[np.floating]) -> NDArray[np.float64]:
    part = scaled[:, scaler.slices_[name]].astype(np.float64)
    components = scaler.components_.get(name)
    return np.asarray((part if components is None else part @ components) + scaler.mean_[name], dtype=np.float64)


def _side_by_side(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    share = 1.0 / np.sqrt(len(parts))
    lengths = (np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12) for part in parts)
    return np.concatenate([share * part / length for part, length in zip(parts, lengths, strict=True)], axis=1)
