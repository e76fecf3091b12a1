"""Detectors of the unusual, one a fold: fitted without the photographs that they then score for reference."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_models.core.rng import derive_seed
from ai_models.core.settings import is_embedding
from ai_models.crossfit.blocks import narrowed, outlier_columns
from ai_models.crossfit.mapped_rows import MappedRows, mapped
from ai_models.crossfit.rows import FittingRows
from ai_models.ensemble.outliers import DETECTORS, OutlierDetector
from ai_models.execution import map_ordered, single_threaded_libraries
from ai_models.features import HybridFeatureExtractor, RawFeatures

__all__ = ["HeldOutDetectors", "cross_fit_detectors"]


@dataclass(frozen=True)
class HeldOutDetectors:
    """Detectors and what they say of photographs that they were not fitted on.

    Attributes
    ----------
    detectors
        One a fold, in ascending order of folds.
    scores
        float64 (photographs, detectors of `DETECTORS`), in the order of the photographs, each by its fold's.
    """

    detectors: tuple[OutlierDetector, ...]
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class _Task:
    extractor: HybridFeatureExtractor
    rows: MappedRows
    y: NDArray[np.int64]
    fitted: NDArray[np.int64]
    scored: NDArray[np.int64]
    seed: int


def cross_fit_detectors(
    extractor: HybridFeatureExtractor,
    raw: RawFeatures,
    rows: FittingRows,
    *,
    seed: int,
    workers: int,
    label: str = "",
    beside: Path | None = None,
) -> HeldOutDetectors:
    """Fit the detectors of each fold on the photographs of the others; copies are neither fitted on nor scored.

    Parameters
    ----------
    extractor, raw, rows
        As for `ai_models.crossfit.scoring.cross_fit`.
    seed, workers
        Seed of every choice; processes.
    label
        Text of the progress bar; empty for none.
    beside
        A folder for what worker processes share.
    """
    photographs = rows.photographs
    folds = rows.folds[photographs]
    extractor, raw = _looked_at(extractor, raw)
    numbers = np.unique(folds)
    scores = np.zeros((len(photographs), len(DETECTORS)))
    detectors = []
    with mapped(raw, beside, workers=workers, tasks=len(numbers)) as shared:
        tasks = []
        for fold in numbers:
            seed_of_fold = derive_seed(seed, "outliers", int(fold))
            parts = photographs[folds != fold], photographs[folds == fold]
            tasks.append(_Task(extractor, shared, rows.y, *parts, seed_of_fold))
        done: Iterator[tuple[OutlierDetector, NDArray[np.float64]]] = map_ordered(
            _fit_and_score, tasks, workers=workers, backend="processes", label=label, unit="fold", total=len(tasks)
        )
        for fold, (detector, found) in zip(numbers, done, strict=True):
            scores[folds == fold] = found
            detectors.append(detector)
    return HeldOutDetectors(tuple(detectors), scores)


def _looked_at(extractor: HybridFeatureExtractor, raw: RawFeatures) -> tuple[HybridFeatureExtractor, RawFeatures]:
    """Leave out what detectors do not look at, where the columns that they do look at stay in their places."""
    names = [block.name for block in extractor.blocks]
    embeddings = [name for name in names if is_embedding(name)]
    first = bool(embeddings) and names[: len(embeddings)] == embeddings
    return narrowed(extractor, raw, embeddings) if first else (extractor, raw)


def _fit_and_score(task: _Task) -> tuple[OutlierDetector, NDArray[np.float64]]:
    raw = task.rows.open()
    with single_threaded_libraries():
        encoder = copy.copy(task.extractor).fit_raw(raw.take(task.fitted))
        known, rows = encoder.encode(raw.take(task.fitted)), encoder.encode(raw.take(task.scored))
        columns = outlier_columns(encoder.block_slices, encoder.encoders_)
        detector = OutlierDetector(columns, task.seed).fit(known, task.y[task.fitted])
        return detector, detector.scores(rows)
