"""What one of two models says of photographs that it was not fitted on."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_models.artifacts import Trust, load_model
from ai_models.core.errors import DataError
from ai_models.core.paths import from_text
from ai_models.core.settings import FeatureConfig
from ai_models.evaluation.rows import choose_rows, out_of_fold_rows, read_out_of_fold
from ai_models.evaluation.scoring import Scored, score_out_of_fold, score_rows

__all__ = ["HOW", "Side", "read_side"]

HOW = {
    "held_out": "held out: no part of the model has seen them",
    "folder": "photographs of a folder given to evaluate",
    "out_of_fold": "out of fold: each judged by models fitted without its object",
    "table": "as the table says; whether the model had seen them cannot be told from it",
}


@dataclass(frozen=True)
class Side:
    """Labelled photographs and the probabilities that one model gives them.

    Attributes
    ----------
    name
        What the model is called in sentences.
    kind
        A key of `HOW`.
    classes
        k names, in the order of the columns.
    paths, hashes, labels, groups
        Of n photographs; a hash is empty where it is not known.
    probabilities
        float64 (n, k).
    fitted_on
        Hashes of the photographs that the model was fitted on, where that is known.
    """

    name: str
    kind: str
    classes: tuple[str, ...]
    paths: tuple[str, ...]
    hashes: tuple[str, ...]
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    probabilities: NDArray[np.float64]
    fitted_on: frozenset[str] = frozenset()


def read_side(place: str | os.PathLike[str], *, workers: int = 0, trust: Trust | None = None) -> Side:
    """Return what a model says of its held-out photographs, or of its training photographs out of fold.

    Parameters
    ----------
    place
        A model directory, the folder of an evaluation, or an evaluation's ``predictions.csv``.
    workers
        Threads; 0 for one a core.
    trust
        What the model must show before it is opened; by default what the user has set.

    Raises
    ------
    DataError
        When it is none of these, or its table has no labels.
    """
    path = Path(place)
    if (path / "bundle.json").is_file():
        return _of_model(path, workers, trust)
    table = path / "predictions.csv" if path.is_dir() else path
    if not table.is_file():
        raise DataError(
            f"'{path}' is neither a model directory nor an evaluation: "
            "give a folder that train, run or evaluate wrote, or a predictions.csv of evaluate"
        )
    return _of_table(table, path)


def _of_model(folder: Path, workers: int, trust: Trust | None) -> Side:
    model = load_model(folder, trust=trust)
    model.extractor.workers = workers
    if "features" in model.metadata:  # with the cache that training filled
        model.extractor.config = FeatureConfig.from_dict(model.metadata["features"])
    rows = choose_rows(folder, model.classes, workers=workers)
    scored: Scored
    if rows.source == "out_of_fold":
        scored = score_out_of_fold(rows, *read_out_of_fold(folder, model.classes))
    else:
        scored = score_rows(model, rows)
    return Side(
        folder.resolve().name,
        rows.source,
        tuple(model.classes),
        tuple(r.path for r in scored.manifest),
        tuple(r.sha256 for r in scored.manifest),
        tuple(r.label for r in scored.manifest),
        tuple(scored.groups.tolist()),
        scored.predictions.probabilities,
        frozenset(r.sha256 for r in out_of_fold_rows(folder).manifest if r.sha256),
    )


def _of_table(table: Path, place: Path) -> Side:
    try:
        reader = csv.DictReader(io.StringIO(table.read_bytes().decode("utf-8"), newline=""), strict=True)
        rows, header = list(reader), list(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"'{table}' cannot be read ({error}): give a predictions.csv that evaluate wrote") from error
    if not {"path", "label", "confidence", "prediction_set"} <= set(header):
        raise DataError(
            f"'{table}' lacks the columns path, label, confidence and prediction_set: "
            "give a predictions.csv of evaluate, for that of predict holds no labels"
        )
    columns = header[header.index("confidence") + 1 : header.index("prediction_set")]
    readable = [row for row in rows if row["confidence"]]
    if not readable:
        raise DataError(f"'{table}' holds no photograph that could be read: nothing can be compared")
    try:
        probabilities = np.array([[float(row[c]) for c in columns] for row in readable], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"'{table}' is damaged ({error}): run evaluate again") from error
    paths = tuple(from_text(row["path"]) for row in readable)
    groups = tuple(from_text(row.get("group") or "") or f"\0{path}" for row, path in zip(readable, paths, strict=True))
    return Side(
        (place if place.is_dir() else place.parent).resolve().name,
        _kind(table.parent / "metrics.json"),
        tuple(from_text(c.removeprefix("p_")) for c in columns),
        paths,
        ("",) * len(paths),
        tuple(from_text(row["label"]) for row in readable),
        groups,
        probabilities,
    )


def _kind(metrics: Path) -> str:
    try:
        kind = json.loads(metrics.read_text("utf-8"))["source"]["kind"]
    except (OSError, ValueError, KeyError, TypeError):  # a table that was taken from its folder
        return "table"
    return str(kind) if kind in HOW else "table"
