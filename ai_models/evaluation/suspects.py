"""Photographs whose label deserves a look: those that the model takes for another class, and outliers of their class.

Several photographs of one object are one suspect. Probabilities are those of models that had not seen the object.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import DataError
from ai_models.core.paths import to_text
from ai_models.core.records import ImageRecord
from ai_models.core.settings import EvaluationConfig
from ai_models.core.tables import csv_bytes
from ai_models.evaluation.class_outliers import ClassOutliers, class_outliers
from ai_models.evaluation.plain_features import plain_features
from ai_models.evaluation.scoring import Model, Scored
from ai_models.metrics import chance_of_at_least, doubted_labels, label_margins

__all__ = ["LABEL", "OUTLIER", "Judged", "Suspect", "Suspects", "find_suspects", "judged_rows"]

LABEL, OUTLIER = "label", "outlier"
_COLUMNS = (
    "rank", "kind", "path", "label", "suggested_class", "self_confidence", "margin", "outlier_ratio", "outlier_p",
    "group", "source",
)  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """Labelled photographs and what models that had not seen them say.

    Attributes
    ----------
    records, files
        The n rows and where they lie.
    y
        int64 (n,), given labels as columns of `p`.
    p
        float64 (n, k).
    groups
        (n,), the object that each shows.
    sources
        n words: ``out_of_fold``, ``held_out`` or ``folder``.
    classes
        k names.
    """

    records: tuple[ImageRecord, ...]
    files: tuple[Path, ...]
    y: NDArray[np.int64]
    p: NDArray[np.float64]
    groups: NDArray[np.str_]
    sources: tuple[str, ...]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Suspect:
    """One object under one label.

    Attributes
    ----------
    kinds
        ``label``, ``outlier`` or both.
    rows
        Its photographs, as places in `Judged`.
    label, suggested
        Its class, and the likeliest other one.
    self_confidence, margin
        Mean probability of its label, in [0, 1]; that less the likeliest other's, in [-1, 1].
    outlier_ratio, outlier_p
        See `ClassOutliers`; NaN where it was not measured.
    """

    kinds: tuple[str, ...]
    rows: tuple[int, ...]
    label: str
    suggested: str
    self_confidence: float
    margin: float
    outlier_ratio: float
    outlier_p: float


@dataclass(frozen=True)
class Suspects:
    """What was found, ranked: doubted labels by margin, then outliers by ratio.

    Attributes
    ----------
    judged
        What was looked at.
    objects
        How many (object, label) pairs that are.
    ranked
        The suspects.
    chances
        float64 (objects,), see `ai_models.metrics.label_quality.doubted_labels`.
    margins
        float64 (n,), margin of each photograph's object, for all photographs.
    outliers
        None where they were not measured.
    reason
        Why not.
    """

    judged: Judged
    objects: int
    ranked: tuple[Suspect, ...]
    chances: NDArray[np.float64]
    margins: NDArray[np.float64]
    outliers: ClassOutliers | None
    reason: str = ""

    def of_kind(self, kind: str) -> list[Suspect]:
        """Return the suspects of a kind, in their order."""
        return [s for s in self.ranked if kind in s.kinds]

    def figures(self) -> dict[str, Any]:
        """Return the counts, ready for JSON."""
        doubted = self.of_kind(LABEL)
        tail = chance_of_at_least(self.chances)
        found: dict[str, Any] = {
            "images": len(self.judged.y),
            "groups": self.objects,
            "label": {
                **_counts(doubted),
                "expected_groups": float(self.chances.sum()),
                "at_most_groups": int(np.argmax(np.append(tail[1:], 0.0) <= 0.05)),
                "chance_of_as_many": float(tail[len(doubted)]),
                "pairs": [
                    {"label": label, "suggested_class": other, "groups": n}
                    for (label, other), n in sorted(Counter((s.label, s.suggested) for s in doubted).items())
                ],
            },
        }
        if self.outliers is None:
            return found | {"outlier": None, "outlier_not_measured": self.reason}
        outlying = self.of_kind(OUTLIER)
        return found | {"outlier": {**_counts(outlying), "expected_groups": self.outliers.expected}}

    def to_csv(self) -> bytes:
        """Return a row for every photograph of every suspect."""
        rows: list[tuple[object, ...]] = [_COLUMNS]
        for rank, s in enumerate(self.ranked, start=1):
            measured = ("", "") if np.isnan(s.outlier_p) else (f"{s.outlier_ratio:.6g}", f"{s.outlier_p:.6g}")
            for i in s.rows:
                record = self.judged.records[i]
                rows.append((
                    rank, " and ".join(s.kinds), to_text(record.path), to_text(s.label), to_text(s.suggested),
                    f"{s.self_confidence:.6g}", f"{s.margin:.6g}", *measured, to_text(record.group),
                    self.judged.sources[i],
                ))  # fmt: skip
        return csv_bytes(rows)


def judged_rows(reference: Scored, scored: Scored) -> Judged:
    """Join the training photographs, judged out of fold, and those that were scored beside them.

    Parameters
    ----------
    reference
        The training photographs with their out-of-fold predictions.
    scored
        What the evaluation scored; the same rows again where it scored out of fold.
    """
    parts = [reference] if scored.rows.source == "out_of_fold" else [reference, scored]
    readable = [np.flatnonzero(part.predictions.readable) for part in parts]
    pairs = list(zip(parts, readable, strict=True))
    return Judged(
        tuple(part.manifest.records[i] for part, rows in pairs for i in rows),
        tuple(part.manifest.root / part.manifest.records[i].path for part, rows in pairs for i in rows),
        np.concatenate([part.y[rows] for part, rows in pairs]),
        np.concatenate([part.predictions.probabilities[rows] for part, rows in pairs]),
        np.concatenate([part.groups[rows] for part, rows in pairs]),
        tuple(part.rows.source for part, rows in pairs for _ in rows),
        reference.predictions.classes,
    )


def find_suspects(judged: Judged, model: Model, config: EvaluationConfig) -> Suspects:
    """Rank what deserves a look.

    Parameters
    ----------
    judged
        The photographs.
    model
        Its embedding says how alike photographs look, with the cache where it has one.
    config
        Seed; quick mode measures no outliers.
    """
    objects, y, p = _objects(judged)
    doubted, chances = doubted_labels(y, p)
    margins = label_margins(y, p)
    outliers, reason = _outliers(judged, objects, y, model, config)
    outside = outliers.outside if outliers else np.zeros(len(y), dtype=np.bool_)
    others = p.copy()
    others[np.arange(len(y)), y] = -1.0
    rows_of = _members(objects, len(y))

    def suspect(i: int) -> Suspect:
        kinds = tuple(kind for kind, held in ((LABEL, doubted[i]), (OUTLIER, outside[i])) if held)
        ratio, share = (outliers.ratios[i], outliers.p_values[i]) if outliers else (np.nan, np.nan)
        return Suspect(
            kinds, rows_of[i], judged.classes[y[i]], judged.classes[int(others[i].argmax())],
            float(p[i, y[i]]), float(margins[i]), float(ratio), float(share),
        )  # fmt: skip

    by_margin = np.argsort(margins, kind="stable")
    by_ratio = np.argsort(-outliers.ratios, kind="stable") if outliers else by_margin
    order = [*by_margin[doubted[by_margin]], *by_ratio[(outside & ~doubted)[by_ratio]]]
    return Suspects(judged, len(y), tuple(suspect(int(i)) for i in order), chances, margins[objects], outliers, reason)


def _objects(judged: Judged) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the (object, label) pair of each photograph, and label and mean probabilities of each pair."""
    number: dict[tuple[str, int], int] = {}
    pairs = zip(judged.groups.tolist(), judged.y.tolist(), strict=True)
    objects = np.array([number.setdefault(pair, len(number)) for pair in pairs], dtype=np.int64)
    sums = np.zeros((len(number), judged.p.shape[1]))
    np.add.at(sums, objects, judged.p)
    y = np.array([label for _, label in number], dtype=np.int64)
    return objects, y, sums / np.bincount(objects)[:, None]


def _outliers(
    judged: Judged, objects: NDArray[np.int64], y: NDArray[np.int64], model: Model, config: EvaluationConfig
) -> tuple[ClassOutliers | None, str]:
    if config.quick:
        return None, "quick mode leaves outliers out"
    try:
        features = plain_features(model, judged.files, label="outliers")
    except DataError as error:  # a model of codebooks alone has nothing to compare with
        return None, str(error)
    if len(features.readable) < len(judged.files):
        return None, f"{len(judged.files) - len(features.readable)} photographs are not where they were"
    return class_outliers(features.X, objects, y, seed=config.seed), ""


def _members(objects: NDArray[np.int64], number: int) -> list[tuple[int, ...]]:
    rows: list[list[int]] = [[] for _ in range(number)]
    for i, o in enumerate(objects.tolist()):
        rows[o].append(i)
    return [tuple(r) for r in rows]


def _counts(suspects: list[Suspect]) -> dict[str, int]:
    return {"images": sum(len(s.rows) for s in suspects), "groups": len(suspects)}
