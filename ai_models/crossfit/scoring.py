"""Score every photograph by models that were fitted without its fold.

A fold fits everything that is fitted (codebooks, scaler, components, members, detectors) on its own fitting rows:
the photographs of the other folds and those augmented copies whose parents are among them. Copies are never scored.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ai_models.core.rng import derive_seed
from ai_models.core.settings import is_embedding
from ai_models.crossfit.rows import FittingRows
from ai_models.ensemble.members import MemberSpec, build, columns_of, logits
from ai_models.ensemble.outliers import DETECTORS, OutlierDetector
from ai_models.ensemble.scaler import BlockScaler
from ai_models.execution import map_ordered, single_threaded_libraries
from ai_models.features import HybridFeatureExtractor, RawFeatures

__all__ = ["OutOfFold", "block_scaler", "cross_fit", "outlier_columns"]


@dataclass(frozen=True)
class OutOfFold:
    """What models that had not seen an object say of it, for the photographs in order.

    Attributes
    ----------
    logits
        Member -> centred logits, float64 (photographs, k).
    outlier_scores
        float64 (photographs, detectors).
    detectors
        The detectors that gave these scores, one a fold in ascending order of folds.
    closer
        As `logits`, of the second look at each photograph; None where there was none.
    """

    logits: dict[MemberSpec, NDArray[np.float64]]
    outlier_scores: NDArray[np.float64]
    detectors: tuple[OutlierDetector, ...]
    closer: dict[MemberSpec, NDArray[np.float64]] | None = None


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


class _Scored(NamedTuple):
    rows: NDArray[np.int64]
    logits: dict[MemberSpec, NDArray[np.float64]]
    closer: dict[MemberSpec, NDArray[np.float64]]
    outlier_scores: NDArray[np.float64]
    detector: OutlierDetector


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
    found, closer = ({s: np.zeros((len(photographs), k)) for s in specs} for _ in range(2))
    outlier_scores = np.zeros((len(photographs), len(DETECTORS)))
    detectors = []
    done: Iterator[_Scored] = map_ordered(
        _score_fold, tasks, workers=workers, backend="processes", label=label, unit="fold", total=len(tasks)
    )
    for part in done:
        for spec, values in part.logits.items():
            found[spec][place[part.rows]] = values
        for spec, values in part.closer.items():
            closer[spec][place[part.rows]] = values
        outlier_scores[place[part.rows]] = part.outlier_scores
        detectors.append(part.detector)
    return OutOfFold(found, outlier_scores, tuple(detectors), None if raw.closer is None else closer)


def block_scaler(slices: Mapping[str, slice], max_components: int | Mapping[str, int]) -> BlockScaler:
    """Return the scaler of a pipeline: embeddings keep unit length, other blocks are brought to their spread.

    Parameters
    ----------
    slices
        Block name -> columns.
    max_components
        Principal components a block, one number for all or one each; 0 for none.
    """
    return BlockScaler(slices, max_components, reference=tuple(name for name in slices if is_embedding(name)))


def outlier_columns(slices: Mapping[str, slice], fitted: Iterable[str] = ()) -> tuple[slice, ...]:
    """Return the blocks that outlier detectors look at.

    Parameters
    ----------
    slices
        Block name -> columns.
    fitted
        Blocks whose columns depend on what their encoder was fitted on.

    Returns
    -------
    tuple of slice
        The embeddings; where there is none every block that is the same in each fold; else every block.
    """
    embeddings = [name for name in slices if is_embedding(name)]
    chosen = embeddings or [name for name in slices if name not in set(fitted)] or list(slices)
    return tuple(slices[name] for name in chosen)


def _score_fold(task: _Task) -> _Scored:
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
        scaler = block_scaler(blocks, task.max_components).fit(X)
        Z, S = scaler.transform(X), scaler.transform(T)
        second = None if task.raw.closer is None else scaler.transform(encoder.encode(task.raw.closer.take(scored)))
        out, closer = {}, {}
        for spec in task.specs:
            columns = columns_of(spec, scaler.slices_)
            model = build(spec, derive_seed(task.seed, "member", spec.name)).fit(Z[:, columns], rows.y[fitting])
            out[spec] = logits(model, S[:, columns], spec.kind, len(rows.classes))
            if second is not None:
                closer[spec] = logits(model, second[:, columns], spec.kind, len(rows.classes))
        known = X if not task.use_copies else encoder.encode(task.raw.take(fitted))
        looked_at = outlier_columns(blocks, encoder.encoders_)
        detector = OutlierDetector(looked_at, derive_seed(task.seed, "outliers", task.fold)).fit(known, rows.y[fitted])
        return _Scored(scored, out, closer, detector.scores(T), detector)
