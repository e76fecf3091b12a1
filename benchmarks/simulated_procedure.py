"""What the shipped procedure promises of one simulated folder, and what its world then does.

The procedure is the product's own code from features on: holding out, folds, cross-fitting and the vote
(`decide`), the model and its judge (`fit_classifier`), the figures of `evaluate`. Errors can be planted in it, which
the checks of `trust_simulation` must find:

``no +1``
    p-values without the + 1 in numerator and denominator.
``rows for groups``
    Every photograph is taken for an object of its own: when objects are held out and folded, in the references, and in
    the intervals.
``in-sample``
    The references and the out-of-fold figures are made of what the fitted model says of its own training photographs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from simulated_world import Folder, Objects, extractor

from ai_models.classifier import HybridClassifier
from ai_models.core.predictions import OodVerdict, Predictions
from ai_models.core.settings import EvaluationConfig, TrainingConfig
from ai_models.crossfit.blocks import outlier_columns
from ai_models.crossfit.fitting import Decision, decide, fit_classifier
from ai_models.crossfit.rows import FittingRows
from ai_models.ensemble.outliers import OutlierDetector, OutlierTest
from ai_models.ensemble.prediction_sets import PredictionSets
from ai_models.evaluation.figures import figures, interval
from ai_models.folds import assign_folds, assign_holdout
from ai_models.metrics import clopper_pearson

__all__ = ["NO_ONE", "PLANTED", "trial"]

NO_ONE, ROWS, IN_SAMPLE = "no +1", "rows for groups", "in-sample"
PLANTED = (NO_ONE, ROWS, IN_SAMPLE)
METHODS = ("lac", "aps")
KINDS = ("pooled", "by class")
_FIGURES = EvaluationConfig(quick=True, workers=1)
Z95 = 1.959964


@dataclass(frozen=True)
class _Fitted:
    rows: FittingRows
    decision: Decision
    model: HybridClassifier
    held_out: Objects | None


@dataclass(frozen=True)
class _Fresh:
    """What a fitted model says of the world's next photographs."""

    probabilities: NDArray[np.float64]
    detector_scores: NDArray[np.float64]


def trial(number: int, folder: Folder, config: TrainingConfig, *, test_size: float, planted: tuple[str, ...]) -> list:
    """Return one record for the shipped procedure and one for each planted error.

    Parameters
    ----------
    number
        Of the folder; its parity of the seed.
    folder
        The user's photographs and the world's next ones.
    config
        Settings of training.
    test_size
        Share of objects held out.
    planted
        Which errors to plant, one at a time.
    """
    config = config.replace(seed=number)
    shipped = _fitted(folder, folder.own.groups, config, test_size)
    fresh = _fresh(folder, shipped)
    records = [_record(folder, shipped, fresh, config)]
    for error in planted:
        if error == NO_ONE:
            with _without_one():
                records.append({**_verdicts(folder, shipped, fresh, config), "intervals": {}})
        elif error == ROWS:
            own = np.array([f"row {i}" for i in range(len(folder.own.y))])
            fitted = _fitted(folder, own, config, test_size)
            records.append(_record(folder, fitted, _fresh(folder, fitted), config))
        else:
            fitted = _in_sample(folder, shipped, config)
            records.append(_record(folder, fitted, _fresh(folder, fitted), config))
    return [
        {"folder": number, "planted": error, **record} for error, record in zip(("", *planted), records, strict=True)
    ]


def _fitted(folder: Folder, groups: NDArray[np.str_], config: TrainingConfig, test_size: float) -> _Fitted:
    own = folder.own
    held = assign_holdout(own.y, groups, test_size, seed=config.seed)
    training, test = np.flatnonzero(~held), np.flatnonzero(held)
    y, groups_in = own.y[training], groups[training]
    folds = assign_folds(y, groups_in, config.folds, seed=config.seed)
    rows = FittingRows(y, groups_in, folds, np.full(len(y), -1), folder.classes)
    raw = own.raw.take(training)
    decision = decide(extractor(), raw, rows, config)
    model = fit_classifier(extractor(), raw, rows, decision, config)
    held_out = Objects(own.raw.take(test), own.y[test], groups[test]) if len(test) else None
    return _Fitted(rows, decision, model, held_out)


def _in_sample(folder: Folder, shipped: _Fitted, config: TrainingConfig) -> _Fitted:
    kept = np.isin(folder.own.groups, shipped.rows.groups)
    raw = folder.own.raw.take(kept)
    model = shipped.model
    X = model.extractor.encode(raw)
    columns = outlier_columns(model.extractor.block_slices, {})
    detector = OutlierDetector(columns, config.seed).fit(X, shipped.rows.y)
    decision = replace(
        shipped.decision,
        choice=replace(shipped.decision.choice, oof_logits=model.ensemble.predict_logits(model.scaler.transform(X))),
        outlier_scores=detector.scores(X),
        detectors=(detector,),
    )
    refitted = fit_classifier(extractor(), raw, shipped.rows, decision, config)
    return replace(shipped, decision=decision, model=refitted)


@contextmanager
def _without_one() -> Iterator[None]:
    p_values, test = PredictionSets.p_values, OutlierTest.test

    def of_classes(self: PredictionSets, probabilities: NDArray[np.float64], *, by_class: bool = False) -> Any:
        references = self.by_class_ if by_class else [None]
        n = np.array([(own or self.pooled_).n_groups_ for own in references])
        return (p_values(self, probabilities, by_class=by_class) * (n + 1) - 1) / n

    def of_outliers(self: OutlierTest, scores: NDArray[np.float64]) -> Any:
        combined, p = test(self, scores)
        return combined, (p * (self.n_groups_ + 1) - 1) / self.n_groups_

    with (
        patch.object(PredictionSets, "p_values", of_classes),
        patch.object(OutlierTest, "test", of_outliers),
    ):
        yield


def _fresh(folder: Folder, fitted: _Fitted) -> _Fresh:
    X = fitted.model.extractor.encode(folder.fresh.raw)
    return _Fresh(fitted.model.probabilities_of(X), fitted.model.detector.scores(X))


def _record(folder: Folder, fitted: _Fitted, fresh: _Fresh, config: TrainingConfig) -> dict[str, Any]:
    model, rows = fitted.model, fitted.rows
    right = fresh.probabilities.argmax(axis=1) == folder.fresh.y
    truth = float(right.mean()), _correlation(right)
    own = model.judge.judge(model.classes, fitted.decision.choice.probabilities, fitted.decision.outlier_scores)
    objects = _true_groups(folder, fitted)
    folds = len(np.unique(rows.folds))
    intervals = {"out of fold": _interval(rows.y, own, rows.groups, objects, *truth, folds=folds)}
    test = fitted.held_out
    if test is not None:
        judged = model.judge_raw(test.raw)
        intervals["held out"] = _interval(test.y, judged, test.groups, test.groups, *truth, folds=0)
    return {**_verdicts(folder, fitted, fresh, config), "intervals": intervals}


def _verdicts(folder: Folder, fitted: _Fitted, fresh: _Fresh, config: TrainingConfig) -> dict[str, Any]:
    model, y = fitted.model, folder.fresh.y
    found = model.judge.judge(model.classes, fresh.probabilities, fresh.detector_scores)
    return {
        "photographs": len(fitted.rows), "objects": len(np.unique(fitted.rows.groups)),
        "accuracy": float((fresh.probabilities.argmax(axis=1) == y).mean()),
        "false_alarms": float(np.mean([v is OodVerdict.OOD for v in found.verdicts])),
        "sets": _sets(fitted, fresh.probabilities, y, config),
    }  # fmt: skip


def _true_groups(folder: Folder, fitted: _Fitted) -> NDArray[np.str_]:
    """Return what objects the training rows show, also where the procedure was told otherwise."""
    if not fitted.rows.groups[0].startswith("row "):
        return fitted.rows.groups
    return folder.own.groups[[int(g.split()[1]) for g in fitted.rows.groups]]


def _sets(
    fitted: _Fitted, probabilities: NDArray[np.float64], y: NDArray[np.int64], config: TrainingConfig
) -> dict[str, dict[str, float]]:
    out, each = {}, np.arange(len(y))
    for method in METHODS:
        sets = PredictionSets(method, config.coverage)
        sets.fit(fitted.decision.choice.probabilities, fitted.rows.y, fitted.rows.groups)
        for kind in KINDS:
            inside = sets.sets(probabilities, by_class=kind == "by class")
            bare = sets.conforming(probabilities, by_class=kind == "by class")
            out[f"{method} {kind}"] = {
                "coverage": float(inside[each, y].mean()), "conforming": float(bare[each, y].mean()),
                "size": float(inside.sum(axis=1).mean()),
            }  # fmt: skip
    return out


def _correlation(right: NDArray[np.bool_]) -> float:
    """Return how the hits on two photographs of one object correlate; rows come in such pairs."""
    share = right.mean()
    if not 0 < share < 1:
        return 0.0
    both = (right[0::2] & right[1::2]).mean()
    return float(np.clip((both - share**2) / (share * (1 - share)), 0.0, 1.0))


def _interval(
    y: NDArray[np.int64], said: Predictions, groups: NDArray[np.str_], objects: NDArray[np.str_],
    truth: float, alike: float, *, folds: int,
) -> dict[str, float | bool]:  # fmt: skip
    """Return the reported interval of the accuracy, whether it holds the truth, and how wide an oracle's would be.

    The oracle knows the world but not the draw: the true accuracy A and the true correlation of hits within an object,
    hence the standard deviation sd of the share of hits among these objects. Its interval is estimate +- 1.96 sd, cut
    at 0 and 1 (``oracle``). Beside it the exact binomial interval at the effective number of photographs
    A (1 - A) / sd^2, what is left to an oracle that knows the correlation but not A (``oracle_exact``). Neither knows
    that out of fold other models are judged than the shipped one; ``off`` = (estimate - A) / sd says what that adds.
    """
    found = interval(figures(y, said, groups, _FIGURES, folds=folds)["accuracy"])
    size = np.unique(objects, return_counts=True)[1]
    n = int(size.sum())
    effective = n**2 / float((size * (1 + (size - 1) * alike)).sum())
    sd = float(np.sqrt(truth * (1 - truth) / effective))
    half = Z95 * sd
    exact = clopper_pearson(found.estimate * effective, effective)
    return {
        "estimate": found.estimate, "low": found.low, "high": found.high, "holds": found.low <= truth <= found.high,
        "width": found.high - found.low,
        "oracle": min(1.0, found.estimate + half) - max(0.0, found.estimate - half),
        "oracle_exact": exact.high - exact.low, "off": (found.estimate - truth) / sd if sd else 0.0,
    }  # fmt: skip
