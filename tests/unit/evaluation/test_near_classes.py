"""A class left out is scored by detectors that never saw it, and compared like with like."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.settings import EvaluationConfig
from ai_models.crossfit.held_out_detection import COMBINED, Compared, compare_held_out
from ai_models.ensemble.outliers import DETECTORS, OutlierDetector
from ai_models.evaluation import near_classes
from ai_models.evaluation.near_classes import near_class_figures, pairwise_wins
from ai_models.evaluation.plain_features import PlainFeatures
from ai_models.metrics import auroc

QUICK = EvaluationConfig(bootstrap_draws=200, workers=1)
RNG = np.random.default_rng(0)


def folder(X: np.ndarray, y: np.ndarray, monkeypatch: pytest.MonkeyPatch, groups: list[str] | None = None) -> Manifest:
    """Rows whose features are X, two photographs an object, three folds."""
    monkeypatch.setattr(
        near_classes, "plain_features", lambda *_a, **_k: PlainFeatures(X, np.arange(len(X)), ("colour",))
    )
    names = groups or [f"g{i // 2}" for i in range(len(X))]
    return Manifest(
        Path("."),
        tuple(
            ImageRecord(f"{i}.png", f"class{y[i]}", "", 8, 8, names[i], split=Split.TRAIN, fold=(i // 2) % 3)
            for i in range(len(X))
        ),
    )


def crowds(distance: float, n: int = 24, d: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Three classes; the last lies so far from the others that anything notices it."""
    y = np.repeat(np.arange(3), n)
    centres = np.zeros((3, d))
    centres[0, 0], centres[1, 1], centres[2, 2] = 4, 4, distance
    return (centres[y] + RNG.normal(size=(3 * n, d)) * 0.5).astype(np.float32), y


def test_a_far_class_is_found_and_the_mean_is_that_of_the_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = crowds(8.0)
    found = near_class_figures(SimpleNamespace(), folder(X, y, monkeypatch), QUICK)  # type: ignore[arg-type]
    assert set(found["classes"]) == {"class0", "class1", "class2"}
    last = found["classes"]["class2"]
    assert (last["images"], last["groups"]) == (24, 12)
    assert last["auroc"][COMBINED]["estimate"] > 0.95
    estimates = [c["auroc"][COMBINED]["estimate"] for c in found["classes"].values()]
    mean = found["mean"][COMBINED]
    assert mean["estimate"] == pytest.approx(np.mean(estimates))
    assert mean["low"] <= mean["estimate"] <= mean["high"]
    assert set(found["mean"]) == {*DETECTORS, COMBINED}


def test_a_class_like_another_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = crowds(8.0, n=60)
    X[y == 2] = X[y == 0] + RNG.normal(size=(60, 16)).astype(np.float32) * 0.3
    found = near_class_figures(SimpleNamespace(), folder(X, y, monkeypatch), QUICK)  # type: ignore[arg-type]
    assert found["classes"]["class2"]["auroc"][COMBINED]["estimate"] < 0.8
    assert (
        found["classes"]["class2"]["auroc"][COMBINED]["estimate"]
        < found["classes"]["class1"]["auroc"][COMBINED]["estimate"]
    )


def test_pairs_are_compared_by_detectors_that_saw_neither() -> None:
    X, y = crowds(6.0)
    known, folds = y < 2, np.arange(48) % 3
    got = compare_held_out(X[known], y[known], folds, X[~known], seed=0)
    for fold in range(3):
        own = OutlierDetector((slice(None),)).fit(X[known][folds != fold], y[known][folds != fold])
        vim = list(DETECTORS).index("vim")
        assert got.known[folds == fold, vim] == pytest.approx(own.scores(X[known][folds == fold])[:, vim])
        assert got.foreign[fold, :, vim] == pytest.approx(own.scores(X[~known])[:, vim])


def test_wins_are_the_area_fold_by_fold() -> None:
    known, foreign = RNG.integers(0, 9, (30, 1)).astype(float), RNG.integers(3, 12, (2, 7, 1)).astype(float)
    fold = np.repeat([0, 1], 15)
    wins = pairwise_wins(Compared(known, foreign, fold), 0)
    by_fold = [auroc(known[fold == f, 0], foreign[f, :, 0]) for f in (0, 1)]
    assert wins.mean() == pytest.approx(np.mean(by_fold))


def test_an_object_of_two_classes_is_no_witness(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = crowds(8.0)
    shared = [f"g{i // 2}" for i in range(len(X))]
    shared[0] = shared[-1]
    seen: list[int] = []
    real = near_classes.compare_held_out

    def counted(X: np.ndarray, *rest: object, **named: object) -> Compared:
        seen.append(len(X))
        return real(X, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(near_classes, "compare_held_out", counted)
    near_class_figures(SimpleNamespace(), folder(X, y, monkeypatch, shared), QUICK)  # type: ignore[arg-type]
    assert sorted(seen) == [46, 47, 48]


def test_the_cost_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_classes, "MOST_CLASSES", 2)
    X, y = crowds(8.0)
    found = near_class_figures(SimpleNamespace(), folder(X, y, monkeypatch), QUICK)  # type: ignore[arg-type]
    assert (len(found["classes"]), found["classes_of"]) == (2, 3)


def test_why_it_cannot_be_measured_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = crowds(8.0)
    one = folder(X, np.zeros_like(y), monkeypatch)
    assert "single class" in near_class_figures(SimpleNamespace(), one, QUICK)["not_measured"]  # type: ignore[arg-type]
