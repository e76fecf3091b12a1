"""Decide the vote on out-of-fold scores, then fit the classifier that is shipped."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.classifier import HybridClassifier
from ai_models.core.predictions import Predictions
from ai_models.core.rng import derive_seed
from ai_models.core.settings import FeatureConfig, TrainingConfig, is_embedding
from ai_models.crossfit.blocks import block_scaler, narrowed, outlier_columns
from ai_models.crossfit.candidates import candidate_specs, plain_spec
from ai_models.crossfit.checkpoints import NO_CHECKPOINTS, Checkpoints, content_key
from ai_models.crossfit.copy_check import worth_keeping
from ai_models.crossfit.detection import cross_fit_detectors
from ai_models.crossfit.kept_predictions import arrays_of, predictions_from
from ai_models.crossfit.network_choice import NetworkChoice, choose_networks
from ai_models.crossfit.rows import FittingRows
from ai_models.crossfit.scoring import cross_fit, procedure_key
from ai_models.ensemble.choosing import Choice, choose
from ai_models.ensemble.combination import row_losses
from ai_models.ensemble.judge import Judge
from ai_models.ensemble.outliers import FoldDetectors, OutlierDetector, OutlierTest
from ai_models.ensemble.photograph_quality import QualityTest
from ai_models.ensemble.prediction_sets import PredictionSets
from ai_models.ensemble.voting import VotingEnsemble
from ai_models.execution import single_threaded_libraries
from ai_models.features import HybridFeatureExtractor, RawFeatures
from ai_models.folds import assign_folds, largest_k
from ai_models.metrics.paired import PairedDifference, paired_difference

__all__ = ["MAX_COMPONENTS", "Decision", "decide", "fit_classifier", "nested_predictions"]

MAX_COMPONENTS = 256
"""Most principal components a block."""
MAX_COMPONENTS_OF_EMBEDDING = 1024
"""Of the embedding more, since the plain baseline is to see nearly all of it."""


@dataclass(frozen=True)
class Decision:
    """What the out-of-fold scores of the fitting rows decided.

    Attributes
    ----------
    choice
        The vote, and its cross-fitted logits for the photographs in order.
    outlier_scores
        Out-of-fold, float64 (photographs, detectors).
    detectors
        What gave them, one a fold.
    use_copies
        Whether augmented copies are fitted on.
    copies_gain
        Log-loss without minus with copies, paired by object; None where there are no copies.
    networks
        Which networks were kept, and why; None where the preset leaves nothing to decide.
    """

    choice: Choice
    outlier_scores: NDArray[np.float64]
    detectors: tuple[OutlierDetector, ...]
    use_copies: bool
    copies_gain: PairedDifference | None
    networks: NetworkChoice | None = None


def decide(
    extractor: HybridFeatureExtractor,
    raw: RawFeatures,
    rows: FittingRows,
    config: TrainingConfig,
    *,
    label: str = "",
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> Decision:
    """Cross-fit every candidate, weigh them, and keep networks and augmented copies only where they help.

    Parameters
    ----------
    extractor, raw, rows
        As for `cross_fit`; `rows.folds` are the inner folds.
    config
        Settings of training.
    label
        Text of the progress bars; empty for none.
    checkpoints
        As for `cross_fit`.
    """
    networks = None
    if (extractor.config or FeatureConfig()).preset == "auto":
        networks = choose_networks(
            extractor, raw, rows, config,
            max_components=_most_components(raw.blocks, config),
            label=f"{label}: networks" if label else "", checkpoints=checkpoints,
        )  # fmt: skip
        extractor, raw = narrowed(extractor, raw, networks.among(raw.blocks))
    specs = candidate_specs(
        raw.blocks,
        quick=config.quick_mode,
        reduced=config.use_dimensionality_reduction,
        custom=config.custom_members,
    )
    photographs = rows.photographs
    y, groups, folds = rows.y[photographs], rows.groups[photographs], rows.folds[photographs]

    def chosen(use_copies: bool, text: str) -> Choice:
        oof = cross_fit(
            extractor, raw, rows, specs,
            max_components=_most_components(raw.blocks, config), seed=config.seed, workers=config.workers,
            use_copies=use_copies, label=text if label else "", checkpoints=checkpoints,
        )  # fmt: skip
        with single_threaded_libraries():
            return choose(
                oof.logits, y, groups, folds,
                plain=plain_spec(specs), demanded=config.demanded_gain, closer=oof.closer,
            )  # fmt: skip

    choice, use_copies, gain = chosen(False, label), False, None
    if len(photographs) < len(rows):
        with_copies = chosen(True, f"{label}+copies")
        gain = paired_difference(row_losses(choice.oof_logits, y), row_losses(with_copies.oof_logits, y), groups)
        use_copies = worth_keeping(gain, elsewhere=rows.elsewhere)
        choice = with_copies if use_copies else choice
    held_out = cross_fit_detectors(
        extractor, raw, rows,
        seed=config.seed, workers=config.workers, label=f"{label}: unusual" if label else "",
        beside=checkpoints.directory,
    )  # fmt: skip
    return Decision(choice, held_out.scores, held_out.detectors, use_copies, gain, networks)


def fit_classifier(
    extractor: HybridFeatureExtractor,
    raw: RawFeatures,
    rows: FittingRows,
    decision: Decision,
    config: TrainingConfig,
    *,
    metadata: Mapping[str, Any] | None = None,
) -> HybridClassifier:
    """Fit every chosen part on all fitting rows, and the references on their out-of-fold scores.

    Parameters
    ----------
    extractor, raw, rows
        As for `decide`.
    decision
        What was decided on the same rows.
    config
        Settings of training.
    metadata
        Kept with the classifier.
    """
    extractor, raw = narrowed(extractor, raw, _blocks_in_use(decision, raw.blocks))
    used = (extractor.config or FeatureConfig()).replace(test_time_augmentation=decision.choice.looks_closer)
    extractor.config = used
    photographs = rows.photographs
    fitting = rows.with_copies(photographs) if decision.use_copies else photographs
    with single_threaded_libraries():
        fitted = copy.copy(extractor).fit_raw(raw.take(photographs))
        X = fitted.encode(raw.take(fitting))
        blocks = fitted.block_slices
        scaler = block_scaler(blocks, _most_components(blocks, config)).fit(X)
        ensemble = VotingEnsemble(decision.choice.combination, scaler.slices_, config.seed)
        ensemble.fit(scaler.transform(X), rows.y[fitting])
        detector = _detectors(decision, fitted, raw.take(photographs), rows.y[photographs], config)
    fitted.config = used.replace(cache_features=False)  # what a loaded model is shown is nobody's to keep
    return HybridClassifier(
        extractor=fitted,
        scaler=scaler,
        ensemble=ensemble,
        detector=detector,
        judge=_judge(decision, detector, rows, raw.quality, config),
        classes=rows.classes,
        metadata={**(metadata or {}), "features": used.to_dict()},
    )


def nested_predictions(
    extractor: HybridFeatureExtractor,
    raw: RawFeatures,
    rows: FittingRows,
    config: TrainingConfig,
    *,
    label: str = "",
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> Predictions:
    """Predict every photograph by a whole pipeline that was decided and fitted without its fold.

    Nothing, not a weight nor a temperature nor a threshold, has seen the object that it is scored on. Predictions
    are in the order of `rows.photographs`.

    Parameters
    ----------
    extractor, raw, rows, config, label
        As for `decide`; `rows.folds` are the outer folds, inner ones are drawn inside.
    checkpoints
        Where the predictions of each fold, and what its decision rests on, are kept and found again.
    """
    photographs = rows.photographs
    whole = procedure_key(extractor, raw, rows, config) if checkpoints.directory else ""
    parts: list[tuple[NDArray[np.int64], Predictions]] = []
    for fold in np.unique(rows.folds[photographs]):
        scored = photographs[rows.folds[photographs] == fold]
        key = content_key(whole, "outer fold", int(fold)) if whole else ""
        if key and (kept := checkpoints.get(key)):
            parts.append((scored, predictions_from(rows.classes, kept)))
            continue
        fitting = rows.with_copies(photographs[rows.folds[photographs] != fold])
        inside, inside_raw = rows.take(fitting), raw.take(fitting)
        own = inside.photographs
        k = min(config.folds, largest_k(inside.y[own], inside.groups[own]))
        inner = inside.refolded(
            assign_folds(inside.y[own], inside.groups[own], k, seed=derive_seed(config.seed, "inner", int(fold)))
        )
        text = f"{label} {fold + 1}" if label else ""
        decision = decide(extractor, inside_raw, inner, config, label=text, checkpoints=checkpoints)
        model = fit_classifier(extractor, inside_raw, inner, decision, config)
        parts.append((scored, model.judge_raw(raw.take(scored))))
        if key:
            checkpoints.put(key, arrays_of(parts[-1][1]))
    return _in_order(parts, photographs)


def _blocks_in_use(decision: Decision, blocks: Iterable[str]) -> set[str]:
    """Return the blocks that vote or are looked at for the unusual; the rest need not be computed any more."""
    there = list(blocks) if decision.networks is None else list(decision.networks.among(blocks))
    looked_at = [name for name in there if is_embedding(name)] or there
    return {*looked_at, *(name for member in decision.choice.combination.members for name in member.blocks)}


def _most_components(blocks: Iterable[str], config: TrainingConfig) -> dict[str, int]:
    if not config.use_dimensionality_reduction:
        return dict.fromkeys(blocks, 0)
    return {name: MAX_COMPONENTS_OF_EMBEDDING if is_embedding(name) else MAX_COMPONENTS for name in blocks}


def _detectors(
    decision: Decision,
    extractor: HybridFeatureExtractor,
    photographs: RawFeatures,
    y: NDArray[np.int64],
    config: TrainingConfig,
) -> FoldDetectors:
    """Return each fold's detectors; one fitted anew where the columns that they look at differ from fold to fold."""
    slices, fitted = extractor.block_slices, extractor.encoders_
    columns = outlier_columns(slices, fitted)
    if not any(slices[name] in columns for name in fitted):
        return FoldDetectors(decision.detectors)
    seed = derive_seed(config.seed, "outliers")
    return FoldDetectors((OutlierDetector(columns, seed).fit(extractor.encode(photographs), y),))


def _judge(
    decision: Decision,
    detectors: FoldDetectors,
    rows: FittingRows,
    quality: NDArray[np.float32] | None,
    config: TrainingConfig,
) -> Judge:
    photographs = rows.photographs
    y, groups, folds = rows.y[photographs], rows.groups[photographs], rows.folds[photographs]
    return Judge(
        sets=PredictionSets(config.set_method, config.coverage).fit(decision.choice.probabilities, y, groups),
        outliers=OutlierTest().fit(
            decision.outlier_scores, groups, folds if len(detectors.folds) > 1 else np.zeros_like(folds)
        ),
        alpha=config.ood_alpha,
        confidence_threshold=config.confidence_threshold,
        quality=None if quality is None else QualityTest().fit(quality[photographs], groups),
    )


def _in_order(parts: list[tuple[NDArray[np.int64], Predictions]], photographs: NDArray[np.int64]) -> Predictions:
    rows = np.concatenate([scored for scored, _ in parts])
    order = np.argsort(rows)
    assert (rows[order] == photographs).all()
    return Predictions.concatenated([p for _, p in parts]).take(order)
