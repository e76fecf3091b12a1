"""What training left in a model directory beside the model: its photographs' rows, predictions and features."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.artifacts import read_file
from ai_models.classifier import HybridClassifier
from ai_models.core.errors import BundleError
from ai_models.core.paths import from_text, to_text
from ai_models.core.predictions import OodVerdict, Predictions, Reason, set_text
from ai_models.core.records import Manifest, Split
from ai_models.explaining import Evidence

__all__ = [
    "FEATURES_FILE",
    "known_photographs",
    "load_evidence",
    "read_json",
    "read_out_of_fold",
    "training_settings",
]

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
    manifest = known_photographs(model_dir).on(Split.TRAIN).originals()
    by_path = {r.path: r for r in manifest}
    records = tuple(by_path[path] for path in places if path in by_path)
    if len(records) != len(places):
        raise BundleError(
            f"manifest.csv and oof_predictions.csv of '{model_dir}' name different photographs: "
            "restore the model directory or train again"
        )
    groups = np.array([r.group or f"\x00{r.path}" for r in records], dtype=np.str_)
    return Evidence(model, manifest.root, records, groups, scaled, predictions.probabilities)


def known_photographs(model_dir: Path) -> Manifest:
    """Return every row of the photographs that the model directory knows."""
    return Manifest.load(model_dir / "manifest.csv", root=str(training_settings(model_dir).get("data_root", "")))


def training_settings(model_dir: Path) -> dict[str, Any]:
    """Return the content of a model directory's ``training_config.json``."""
    return read_json(model_dir / "training_config.json")


def read_json(file: Path) -> dict[str, Any]:
    """Return the content of a JSON file of a model directory.

    Raises
    ------
    BundleError
        When it cannot be read.
    """
    try:
        return dict(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise BundleError(f"'{file}' cannot be read ({error}): restore the model directory or train again") from error


def read_out_of_fold(model_dir: Path, classes: Sequence[str]) -> tuple[dict[str, int], Predictions]:
    """Read ``oof_predictions.csv``.

    Returns
    -------
    places, predictions
        Manifest path -> row of the predictions.

    Raises
    ------
    BundleError
        When it is missing or damaged.
    """
    path = model_dir / "oof_predictions.csv"
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8"), newline=""), strict=True))
        return {from_text(row["path"]): i for i, row in enumerate(rows)}, _predictions(rows, classes)
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, ValueError) as error:
        raise BundleError(f"'{path}' cannot be read ({error}): restore the model directory or train again") from error


def _predictions(rows: Sequence[Mapping[str, str]], classes: Sequence[str]) -> Predictions:
    columns = [f"p_{to_text(c)}" for c in classes]

    def sets(column: str) -> NDArray[np.bool_]:
        members = [set(row[column].split("|")) for row in rows]
        table = np.array([[set_text(c) in inside for c in classes] for inside in members], dtype=np.bool_)
        return table.reshape(-1, len(columns))

    return Predictions(
        tuple(classes),
        np.array([[_number(row[c]) for c in columns] for row in rows], dtype=np.float64).reshape(-1, len(columns)),
        sets("prediction_set"),
        np.array([_number(row["ood_score"]) for row in rows], dtype=np.float64),
        np.array([_number(row["ood_p_value"]) for row in rows], dtype=np.float64),
        tuple(OodVerdict(row["verdict"]) for row in rows),
        reasons=tuple(Reason(row["reason"]) for row in rows),
        sets_by_class=sets("prediction_set_by_class"),
    )


def _number(text: str) -> float:
    return float(text) if text else float("nan")
