"""Score every photograph by models that were fitted without its fold.

A fold fits everything that is fitted (codebooks, scaler, components, members, detectors) on its own fitting rows:
the photographs of the other folds and those augmented copies whose parents are among them. Copies are never scored.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_models.core.rng import derive_seed
from ai_models.core.settings import is_embedding
from ai_models.crossfit.rows import FittingRows
from ai_models.ensemble.members import MemberSpec, build, columns_of, logits
from ai_models.ensemble.outliers import OutlierDetector
from ai_models.ensemble.scaler import BlockScaler
from ai_models.execution import map_ordered, single_threaded_libraries
from ai_models.features import HybridFeatureExtractor, RawFeatures

__all__ = ["OutOfFold", "cross_fit", "outlier_columns"]


@dataclass(frozen=True)
class OutOfFold:
    """What models that had not seen an object say of it, for the photographs in order.

    Attributes
    ----------
    logits
        Member -> centred logits, float64 (photographs, k).
    outlier_scores
        float64 (photographs, detectors).
    """

    logits: dict[MemberSpec, NDArray[np.float64]]
    outlier_scores: NDArray[np.float64]


@dataclass(frozen=True)
class _Task:
    extractor: HybridFeatureExtractor
    raw: RawFeatures
    rows: FittingRows
    specs: tuple[MemberSpec, ...]
    fold: int
    max_components: int | Mapping[str, int]
    seed: int
    use_copies: bool


def cross_fit(
    extractor: HybridFeatureExtractor,
    raw: RawFeatures,
    rows: FittingRows,
    specs: Sequence[MemberSpec],
    *,
    max_components: int | Mapping[str, int],
    seed: int,
    workers: int,
    use_copies: bool = True,
    label: str = "",
) -> OutOfFold:
    """Score every photograph by models fitted without its fold.

    Parameters
    ----------
    extractor
        Says how raw features become columns; its codebooks are fitted anew in each fold.
    raw
        Features of every row, nothing fitted.
    rows
        Labels, groups, folds and parents of the same rows.
    specs
        The candidates.
    max_components
        Principal components a block, one number for all or one each; 0 for none.
    seed, workers
        Seed of every choice; processes.
    use_copies
        Whether copies are fitted on.
    label
        Text of the progress bar; empty for none.
    """
    photographs = rows.photographs
    place = np.full(len(rows), -1, dtype=np.int64)
    place[photographs] = np.arange(len(photographs))
    numbers = np.unique(rows.folds[photographs])
    tasks = [_Task(extractor, raw, rows, tuple(specs), int(f), max_components, seed, use_copies) for f in numbers]
    k = len(rows.classes)
    found = {s: np.zeros((len(photographs), k)) for s in specs}
    outlier_scores: NDArray[np.float64] | None = None
    done: Iterator[tuple[NDArray[np.int64], dict[MemberSpec, NDArray[np.float64]], NDArray[np.float64]]] = map_ordered(
        _score_fold, tasks, workers=workers, backend="processes", label=label, unit="fold", total=len(tasks)
    )
    for scored, by_member, outliers in done:
        for spec, values in by_member.items():
            found[spec][place[scored]] = values
        if outlier_scores is None:
            outlier_scores = np.zeros((len(photographs), outliers.shape[1]))
        outlier_scores[place[scored]] = outliers
    assert outlier_scores is not None
    return OutOfFold(found, outlier_scores)


def outlier_columns(slices: Mapping[str, slice]) -> slice:
    """Return the columns that outlier detectors look at: the embeddings, or everything where there are none."""
    seen = [s for name, s in slices.items() if is_embedding(name)] or list(slices.values())
    return slice(min(s.start for s in seen), max(s.stop for s in seen))


def _score_fold(
    task: _Task,
) -> tuple[NDArray[np.int64], dict[MemberSpec, NDArray[np.float64]], NDArray[np.float64]]:
    rows = task.rows
    photographs = rows.photographs
    scored = photographs[rows.folds[photographs] == task.fold]
    fitted = photographs[rows.folds[photographs] != task.fold]
    fitting = rows.with_copies(fitted) if task.use_copies else fitted
    with single_threaded_libraries():
        encoder = copy.copy(task.extractor).fit_raw(task.raw.take(fitted))
        blocks = encoder.block_slices
        X = encoder.encode(task.raw.take(fitting))
        T = encoder.encode(task.raw.take(scored))
        scaler = BlockScaler(blocks, task.max_components).fit(X)
        Z, S = scaler.transform(X), scaler.transform(T)
        out = {}
        for spec in task.specs:
            columns = columns_of(spec, scaler.slices_)
            model = build(spec, derive_seed(task.seed, "member", spec.name)).fit(Z[:, columns], rows.y[fitting])
            out[spec] = logits(model, S[:, columns], spec.kind, len(rows.classes))
        known = X if not task.use_copies else encoder.encode(task.raw.take(fitted))
        detector = OutlierDetector(outlier_columns(blocks), seed=derive_seed(task.seed, "outliers")).fit(known)
        return scored, out, detector.scores(T)
