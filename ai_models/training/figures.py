"""The figures that are written beside a model when it is trained: deterministic, no timings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.predictions import OodVerdict, Predictions
from ai_models.core.records import Manifest, Split
from ai_models.core.settings import FeatureConfig
from ai_models.metrics import Interval, grouped_share, scorecard
from ai_models.metrics.paired import PairedDifference

if TYPE_CHECKING:
    from ai_models.training.trainer import TrainingResult

__all__ = ["headline", "training_metrics"]

_DRAWS = 1000
_TOLD = ("nll", "brier", "accuracy", "balanced_accuracy", "f1_macro", "ece", "set_coverage", "set_size")
_CIRCULAR = ("set_coverage", "set_size", "set_by_class_coverage", "set_by_class_size")


def headline(manifest: Manifest, predictions: Predictions, *, folds: int = 0, seed: int = 0) -> dict[str, Any]:
    """Return the main figures of predictions of labelled photographs.

    Parameters
    ----------
    manifest
        The photographs, in the order of the predictions.
    predictions
        One row each, all readable.
    folds
        Number of folds where the photographs were judged out of fold, else 0.
    seed
        Of the bootstrap and of the simulation behind the ECE's floor.
    """
    code = {c: i for i, c in enumerate(predictions.classes)}
    y = np.array([code[r.label] for r in manifest], dtype=np.int64)
    p, groups = predictions.probabilities, manifest.groups
    verdicts = [str(v) for v in predictions.verdicts]
    card = scorecard(y, p, predictions.sets, groups, draws=_DRAWS, seed=seed, folds=folds)
    told = {**{name: card.scalars[name] for name in _TOLD}, **_by_class(y, predictions, groups)}
    return {
        "images": len(manifest),
        "groups": len(set(manifest.groups.tolist())),
        **{name: value.estimate for name, value in told.items()},
        "set_by_class_size": _mean_size(predictions),
        "intervals": {name: [_finite(value.low), _finite(value.high)] for name, value in told.items()},
        "f1": {c: _finite(found.f1.estimate) for c, found in zip(predictions.classes, card.classes, strict=True)},
        "ece_of_a_calibrated_model": card.ece_floor.mean,
        "ece_of_a_calibrated_model_q95": card.ece_floor.q95,
        "verdicts": {str(v): verdicts.count(str(v)) / len(verdicts) for v in OodVerdict},
    }


def training_metrics(result: TrainingResult) -> dict[str, Any]:
    """Return the content of a model directory's ``metrics.json``."""
    training = result.manifest.on(Split.TRAIN)
    choice = result.decision.choice
    gain = result.decision.copies_gain
    copies = training.copies()
    return {
        "training": {
            "images": len(training) - len(copies),
            "copies": len(copies),
            "classes": {c: {"images": n, "groups": g} for c, (n, g) in training.counts().items()},
        },
        "out_of_fold": {
            "kind": "whole pipelines" if result.nested else "members fitted without the fold",
            **_judged(
                headline(training.originals(), result.out_of_fold, folds=_folds(training.originals())),
                nested=result.nested,
            ),
        },
        **{
            {Split.VAL: "validation", Split.TEST: "held_out"}[side]: headline(
                result.manifest.on(side).originals(), predictions
            )
            for side, predictions in result.held_out.items()
        },
        "vote": {
            "members": [
                {"member": m.name, "share": s}
                for m, s in zip(choice.combination.members, choice.combination.shares, strict=True)
            ],
            "temperature": choice.combination.temperature,
            "trust_over_logistic_regression": choice.trust,
            "nll_gain_over_logistic_regression": {"mean": choice.gain.mean, "standard_error": _finite(choice.gain.se)},
        },
        "alone": {
            family: {"nll": s.nll, "balanced_accuracy": s.balanced_accuracy} for family, s in choice.standings.items()
        },
        "worth": _worth(result),
        "networks": _networks(result),
        "prediction_sets": result.model.judge.sets.promised(result.model.classes),
        "blocks": list(result.model.extractor.block_slices),
        "left_out_for_their_cost": list(result.too_dear),
        "copies_kept": None if gain is None else result.decision.use_copies,
        "nll_gain_of_copies": None if gain is None else {"mean": gain.mean, "standard_error": _finite(gain.se)},
    }


def _worth(result: TrainingResult) -> list[dict[str, Any]]:
    """Return what each block, kind of member and the copies gain in log-loss, with 95 % intervals, kept or dropped."""
    gain = result.decision.copies_gain
    copies = [] if gain is None else [("copies", "augmentation", gain, result.decision.use_copies)]
    choice = result.decision.choice
    looks = [] if choice.closer_gain is None else [("middle, closer", "look", choice.closer_gain, choice.looks_closer)]
    return [
        {"part": part, "of": of, "nll_gain": _gain(found), "kept": kept}
        for part, of, found, kept in (*choice.worth, *copies, *looks)
    ]


def _gain(found: PairedDifference) -> dict[str, Any]:
    low, high = found.interval()
    return {
        "mean": found.mean,
        "standard_error": _finite(found.se),
        "low": _finite(low),
        "high": _finite(high),
        "groups": found.groups,
    }


def _networks(result: TrainingResult) -> dict[str, Any]:
    """Return the blocks of networks in the model, and the comparisons that kept them where there was a choice."""
    config, decided = result.model.extractor.config or FeatureConfig(), result.decision.networks
    return {
        "preset": config.preset if config.networks else None,
        "blocks": list(config.networks),
        "compared": [
            {
                "preset": step.preset,
                "instead_of": step.against,
                "nll_gain": _gain(step.gain),
                "kept": step.kept,
            }
            for step in (decided.steps if decided else ())
        ],
    }


def _by_class(y: NDArray[np.int64], predictions: Predictions, groups: NDArray[np.str_]) -> dict[str, Interval]:
    """Return how often the class-conditional sets hold the true class."""
    sets = predictions.sets_by_class
    return {} if sets is None else {"set_by_class_coverage": grouped_share(sets[np.arange(len(y)), y], groups)}


def _mean_size(predictions: Predictions) -> float | None:
    sets = predictions.sets_by_class
    return None if sets is None else float(sets.sum(axis=1).mean())


def _judged(figures: dict[str, Any], *, nested: bool) -> dict[str, Any]:
    """Leave out what only repeats its own definition: references judged by the scores that they are made of."""
    circular = () if nested else (*_CIRCULAR, "verdicts")
    kept = {name: value for name, value in figures.items() if name not in circular}
    return kept | {"intervals": {name: ends for name, ends in figures["intervals"].items() if name not in circular}}


def _folds(rows: Manifest) -> int:
    return len(set(rows.folds.tolist()))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
