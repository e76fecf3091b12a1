"""Rows of features that an export is compared on: a thousand, made from the model directory.

Rows come from ``training_features.npy``, which is what the scaler makes of the training photographs. They are taken
back into the space of the features (for a block with components, their mean and the sum of its components: what the
components left out is lost, so a row is near that of a photograph, not equal). A third are the photographs themselves,
a third lie between two of them, where classes meet and trees branch, and a third are moved by noise of the spread of
each column.
"""

from __future__ import annotations

import io
import os

import numpy as np
from numpy.typing import NDArray

from ai_models.artifacts.bundle import read_file
from ai_models.classifier import HybridClassifier
from ai_models.core.rng import generator
from ai_models.ensemble.scaler import BlockScaler

__all__ = ["LEAST_ROWS", "feature_rows"]

LEAST_ROWS = 1000
"""Rows, and pictures, that an export is compared on at least."""


def feature_rows(directory: str | os.PathLike[str], model: HybridClassifier) -> NDArray[np.float32]:
    """Return rows of features to compare on, float32 (`LEAST_ROWS`, d), the same in every call."""
    kept = np.load(io.BytesIO(read_file(directory, "training_features.npy")), allow_pickle=False)
    rng = generator(0, "export rows")
    count = -(-LEAST_ROWS // 3)
    first, second = (kept[rng.integers(len(kept), size=count)].astype(np.float64) for _ in range(2))
    share = rng.uniform(size=(count, 1))
    noise = rng.normal(size=first.shape) * kept.astype(np.float64).std(axis=0) * 0.5
    Z = np.concatenate([first, share * first + (1 - share) * second, second + noise])[:LEAST_ROWS]
    return _taken_back(model.scaler, Z)


def _taken_back(scaler: BlockScaler, Z: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return rows of features that the scaler turns into about Z."""
    X = np.zeros((len(Z), scaler.n_features_in_), dtype=np.float32)
    for name, columns in scaler.blocks.items():
        rows = Z[:, scaler.slices_[name]] / scaler.stretch(name)
        if name in scaler.components_:
            rows = rows @ scaler.components_[name].astype(np.float64)
        X[:, columns] = rows + scaler.mean_[name]
    return X
