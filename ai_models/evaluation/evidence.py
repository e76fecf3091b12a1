"""From a model directory to what its explanations are held against."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from ai_models.artifacts import read_file
from ai_models.classifier import HybridClassifier
from ai_models.core.errors import BundleError
from ai_models.evaluation.rows import out_of_fold_rows, read_out_of_fold
from ai_models.explaining import Evidence

__all__ = ["FEATURES_FILE", "load_evidence"]

FEATURES_FILE = "training_features.npy"
"""float16, a row a training photograph in the order of ``oof_predictions.csv``."""


def load_evidence(model_dir: Path, model: HybridClassifier) -> Evidence:
    """Return the training photographs of a model: features and predictions, no pixels.

    Raises
    ------
    BundleError
        When the model directory lacks a part of it or a part was altered.
    """
    try:
        scaled = np.load(io.BytesIO(read_file(model_dir, FEATURES_FILE)), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise BundleError(f"'{model_dir / FEATURES_FILE}' cannot be read ({error}): train again") from error
    places, predictions = read_out_of_fold(model_dir, model.classes)
    manifest = out_of_fold_rows(model_dir).manifest
    by_path = {r.path: r for r in manifest}
    records = tuple(by_path[path] for path in places if path in by_path)
    if len(records) != len(places):
        raise BundleError(
            f"manifest.csv and oof_predictions.csv of '{model_dir}' name different photographs: "
            "restore the model directory or train again"
        )
    groups = np.array([r.group or f"\x00{r.path}" for r in records], dtype=np.str_)
    return Evidence(model, manifest.root, records, groups, scaled, predictions.probabilities)
