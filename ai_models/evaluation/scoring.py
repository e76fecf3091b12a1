"""What the model says of the rows that are scored, and of foreign images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import DataError
from ai_models.core.images import RGBImage
from ai_models.core.predictions import Prediction, Predictions
from ai_models.core.records import Manifest
from ai_models.core.settings import FeatureConfig
from ai_models.ensemble.judge import Judge
from ai_models.evaluation.rows import LeftOut, TestRows
from ai_models.features.extraction import RawFeatures

__all__ = ["Foreign", "Model", "Scored", "score_foreign", "score_out_of_fold", "score_rows"]


class Extractor(Protocol):
    """What evaluation needs of a feature extractor."""

    config: FeatureConfig | None
    workers: int

    @property
    def block_slices(self) -> dict[str, slice]:
        """Columns of each block."""

    def extract_raw(self, items: Sequence[Path | RGBImage], *, on_error: str, label: str) -> RawFeatures:
        """Return per-image features, with the errors of unreadable ones."""

    def encode(self, raw: RawFeatures) -> NDArray[np.float32]:
        """Return float32 (n, d)."""

    def get_feature_names_out(self) -> NDArray[np.object_]:
        """Return d names."""


class Model(Protocol):
    """What evaluation needs of a classifier; `ai_models.classifier.HybridClassifier` has it."""

    classes: tuple[str, ...]
    judge: Judge

    @property
    def extractor(self) -> Extractor: ...

    def judge_raw(self, raw: RawFeatures) -> Predictions:
        """Return the predictions of images by what `extractor.extract_raw` gave."""

    def probabilities_of(self, *looks: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return calibrated probabilities of rows of features, float64 (n, k)."""

    def predict_one(self, item: Path) -> Prediction:
        """Return everything that is known of one image."""


@dataclass(frozen=True)
class Scored:
    """Photographs with a label, readable, and what the model says of them.

    Attributes
    ----------
    manifest
        The n rows.
    y
        int64 (n,), their classes as columns of the predictions.
    predictions
        n rows.
    X
        float32 (n, d), their features; None for out-of-fold predictions, which no single model made.
    left_out
        What was not scored, unreadable files among it.
    """

    rows: TestRows
    manifest: Manifest
    y: NDArray[np.int64]
    predictions: Predictions
    X: NDArray[np.float32] | None
    left_out: tuple[LeftOut, ...]

    @property
    def groups(self) -> NDArray[np.str_]:
        """Group of each row, (n,)."""
        return self.manifest.groups

    @property
    def folds(self) -> int:
        """Number of folds behind out-of-fold predictions; 0 where one model made them."""
        return len(set(self.manifest.folds.tolist())) if self.rows.source == "out_of_fold" else 0


@dataclass(frozen=True)
class Foreign:
    """Images of a folder that holds nothing which the model knows.

    Attributes
    ----------
    name
        The folder's name.
    root
        The folder.
    files
        Of the readable images, n.
    groups
        (n,), equal files share one.
    predictions
        n rows.
    unreadable
        What could not be read.
    """

    name: str
    root: Path
    files: tuple[Path, ...]
    groups: NDArray[np.str_]
    predictions: Predictions
    unreadable: tuple[LeftOut, ...]


def score_rows(model: Model, rows: TestRows) -> Scored:
    """Let the model judge the rows.

    Raises
    ------
    DataError
        When none of them can be read.
    """
    _, seen, errors = _readable(model, rows.manifest.files, "evaluate")
    if seen is None:
        raise DataError(f"none of the {len(rows.manifest)} images to score can be read: check '{rows.manifest.root}'")
    bad = tuple(LeftOut(rows.manifest.records[i].path, "unreadable", text) for i, text in sorted(errors.items()))
    gone = {item.path for item in bad}
    manifest = rows.manifest.where(lambda r: r.path not in gone)
    X, judged = model.extractor.encode(seen), model.judge_raw(seen)
    return Scored(rows, manifest, _codes(manifest, model.classes), judged, X, rows.left_out + bad)


def score_out_of_fold(rows: TestRows, places: dict[str, int], predictions: Predictions) -> Scored:
    """Take the out-of-fold predictions that training left for its rows.

    Raises
    ------
    DataError
        When a row has none.
    """
    absent = [r.path for r in rows.manifest if r.path not in places]
    if absent:
        raise DataError(f"oof_predictions.csv has no row for '{absent[0]}': restore the model directory or train again")
    taken = predictions.take(np.array([places[r.path] for r in rows.manifest], dtype=np.int64))
    return Scored(rows, rows.manifest, _codes(rows.manifest, predictions.classes), taken, None, rows.left_out)


def score_foreign(model: Model, name: str, manifest: Manifest) -> Foreign:
    """Let the model judge images that it cannot know; `manifest` rows carry the hash of their file.

    Raises
    ------
    DataError
        When none can be read.
    """
    readable, seen, errors = _readable(model, manifest.files, "foreign")
    if seen is None:
        raise DataError(f"none of the {len(manifest)} images in --ood-dir '{manifest.root}' can be read")
    bad = tuple(LeftOut(manifest.records[i].path, "unreadable", text) for i, text in sorted(errors.items()))
    kept = [manifest.records[i] for i in readable]
    groups = np.array([r.group or r.sha256 or r.path for r in kept], dtype=np.str_)
    files = tuple(manifest.root / r.path for r in kept)
    return Foreign(name, manifest.root, files, groups, model.judge_raw(seen), bad)


def _readable(
    model: Model, files: Sequence[Path], label: str
) -> tuple[NDArray[np.int64], RawFeatures | None, dict[int, str]]:
    raw = model.extractor.extract_raw(files, on_error="record", label=label)
    readable = np.array([i for i in range(len(files)) if i not in raw.errors], dtype=np.int64)
    return readable, raw.take(readable) if len(readable) else None, raw.errors


def _codes(manifest: Manifest, classes: Sequence[str]) -> NDArray[np.int64]:
    code = {name: i for i, name in enumerate(classes)}
    return np.array([code[r.label] for r in manifest], dtype=np.int64)
