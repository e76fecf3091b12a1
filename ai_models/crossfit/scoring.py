"""Score every photograph by models that were fitted without its fold.

A fold fits everything that is fitted (codebooks, scaler, components, members) on its own fitting rows: the photographs
of the other folds and those augmented copies whose parents are among them. Copies are never scored.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ai_models.core.rng import derive_seed
from ai_models.core.settings import TrainingConfig
from ai_models.crossfit.blocks import block_scaler
from ai_models.crossfit.checkpoints import NO_CHECKPOINTS, Checkpoints, content_key
from ai_models.crossfit.mapped_rows import MappedRows, mapped
from ai_models.crossfit.rows import FittingRows
from ai_models.ensemble.members import KINDS, MemberSpec, build, columns_of, logits
from ai_models.execution import map_ordered, single_threaded_libraries
from ai_models.features import HybridFeatureExtractor, RawFeatures

__all__ = ["Logits", "OutOfFold", "cross_fit", "procedure_key"]

Logits = NDArray[np.float64]


@dataclass(frozen=True)
class OutOfFold:
    """What models that had not seen an object say of it, for the photographs in order.

    Attributes
    ----------
    logits
        Member -> centred logits, float64 (photographs, k).
    closer
        As `logits`, of the second look at each photograph; None where there was none.
    """

    logits: dict[MemberSpec, Logits]
    closer: dict[MemberSpec, Logits] | None = None


@dataclass(frozen=True)
class _Fold:
    """What is fitted and what is scored in one fold, as rows."""

    photographs: NDArray[np.int64]
    fitting: NDArray[np.int64]
    scored: NDArray[np.int64]


@dataclass(frozen=True)
class _Task:
    """Members to fit in one fold, each with the key that what it says is kept under; no key, not kept."""

    extractor: HybridFeatureExtractor
    rows: MappedRows
    y: NDArray[np.int64]
    k: int
    fold: _Fold
    specs: Mapping[MemberSpec, str]
    max_components: int | Mapping[str, int]
    seed: int
    checkpoints: Checkpoints


class _Scored(NamedTuple):
    rows: NDArray[np.int64]
    said: dict[MemberSpec, dict[str, Logits]]
    """By the attributes of `OutOfFold`."""


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
    checkpoints: Checkpoints = NO_CHECKPOINTS,
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
    checkpoints
        Where the logits of each member and fold are kept as soon as they are there, and found again.
    """
    photographs = rows.photographs
    place = np.full(len(rows), -1, dtype=np.int64)
    place[photographs] = np.arange(len(photographs))
    looks = ("logits",) if raw.closer is None else ("logits", "closer")
    found = {look: {s: np.zeros((len(photographs), len(rows.classes))) for s in specs} for look in looks}

    def store(part: _Scored) -> None:
        for spec, said in part.said.items():
            for look in looks:
                found[look][spec][place[part.rows]] = said[look]

    most = max_components if isinstance(max_components, int) else dict(max_components)
    whole = _features_key(extractor, raw) if checkpoints.directory else ""
    to_do: list[tuple[_Fold, dict[MemberSpec, str]]] = []
    known = 0
    for fold in _folds(rows, use_copies):
        own = content_key(whole, rows.y, fold.photographs, fold.fitting, fold.scored, most, seed) if whole else ""
        keys = {spec: _member_key(own, spec) for spec in specs}
        there = {spec: kept for spec, key in keys.items() if key and (kept := checkpoints.get(key))}
        store(_Scored(fold.scored, there))
        known += len(there)
        if len(there) < len(specs):
            to_do.append((fold, {spec: key for spec, key in keys.items() if spec not in there}))
    if known and label:
        label += f" ({known} of {known + sum(len(missing) for _, missing in to_do)} fits found done)"
    with mapped(raw, checkpoints.directory, workers=workers, tasks=len(to_do)) as shared:
        k = len(rows.classes)
        tasks = [_Task(extractor, shared, rows.y, k, *one, most, seed, checkpoints) for one in to_do]
        done: Iterator[_Scored] = map_ordered(
            _score_fold, tasks, workers=workers, backend="processes", label=label, unit="fold", total=len(tasks)
        )
        for part, (_, keys) in zip(done, to_do, strict=True):
            store(part)
            for spec, key in keys.items():  # a worker on another machine does not see the folder
                if key:
                    checkpoints.put(key, part.said[spec])
    return OutOfFold(**found)


def procedure_key(
    extractor: HybridFeatureExtractor, raw: RawFeatures, rows: FittingRows, config: TrainingConfig
) -> str:
    """Return the key of all that is decided and fitted on rows; empty where that cannot be told by content.

    Parameters
    ----------
    extractor, raw, rows, config
        As for `ai_models.crossfit.fitting.decide`.
    """
    features = _features_key(extractor, raw)
    if not features or config.custom_members:
        return ""
    settings = {name: value for name, value in config.to_dict().items() if name != "workers"}
    quality = [] if raw.quality is None else [raw.quality]
    check: list[object] = []
    if rows.check is not None:
        probes = rows.check.probes
        check = [rows.check.probe_of, rows.check.used, list(probes.transforms), probes.plain, probes.changed]
    return content_key(
        features, settings, list(rows.classes), rows.y, rows.groups, rows.folds, rows.parents, rows.elsewhere,
        len(quality), *quality, *check,
    )  # fmt: skip


def _features_key(extractor: HybridFeatureExtractor, raw: RawFeatures) -> str:
    """Return the key of raw features and of what encodes them; empty where a block of the user's own has an encoder.

    What that calculates, its name and version do not tell.
    """
    blocks = [(block.name, block.encoder(extractor.seed)) for block in extractor.blocks]
    if any(not type(encoder).__module__.startswith("ai_models.") for _, encoder in blocks if encoder is not None):
        return ""
    named = [name for name, _ in blocks]
    looks = [raw] if raw.closer is None else [raw, raw.closer]
    rows = [part for look in looks for part in (sorted(look.errors), *(look.blocks[name] for name in named))]
    return content_key(extractor.seed, named, *rows)


def _member_key(fold: str, spec: MemberSpec) -> str:
    """Return the key of one member in a fold; empty for a member of the user's own, whose name does not tell all."""
    known = fold and spec.kind in KINDS
    return content_key(fold, spec.kind, spec.blocks, spec.components, spec.params) if known else ""


def _folds(rows: FittingRows, use_copies: bool) -> Iterator[_Fold]:
    photographs = rows.photographs
    own = rows.folds[photographs]
    for number in np.unique(own):
        fitted = photographs[own != number]
        yield _Fold(fitted, rows.with_copies(fitted) if use_copies else fitted, photographs[own == number])


def _score_fold(task: _Task) -> _Scored:
    fold, raw = task.fold, task.rows.open()
    with single_threaded_libraries():
        encoder = copy.copy(task.extractor).fit_raw(raw.take(fold.photographs))
        X = encoder.encode(raw.take(fold.fitting))
        T = encoder.encode(raw.take(fold.scored))
        scaler = block_scaler(encoder.block_slices, task.max_components).fit(X)
        Z, looks = scaler.transform(X), {"logits": scaler.transform(T)}
        if raw.closer is not None:
            looks["closer"] = scaler.transform(encoder.encode(raw.closer.take(fold.scored)))
        del X, T  # the blocks as they come are many times as wide as what members see
        out = {}
        for spec, key in task.specs.items():
            columns = columns_of(spec, scaler.slices_)
            model = build(spec, derive_seed(task.seed, "member", spec.name)).fit(Z[:, columns], task.y[fold.fitting])
            out[spec] = {look: logits(model, S[:, columns], spec.kind, task.k) for look, S in looks.items()}
            if key:
                task.checkpoints.put(key, out[spec])
        return _Scored(fold.scored, out)
