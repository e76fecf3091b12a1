"""Detectors of folds, their combination, and a p-value that keeps its word."""

from __future__ import annotations

import numpy as np
import pytest

from ai_models.ensemble.outliers import DETECTORS, FoldDetectors, OutlierDetector, OutlierScale, OutlierTest

RNG = np.random.default_rng(0)
Y = np.arange(80) % 2
KNOWN = (RNG.normal(size=(80, 12)) + np.r_[np.full(6, 3.0), np.zeros(6)]).astype(np.float32)
NEAR = (RNG.normal(size=(40, 12)) + np.r_[np.full(6, 3.0), np.zeros(6)]).astype(np.float32)
FAR = (RNG.normal(size=(40, 12)) + np.r_[np.zeros(6), np.full(6, 3.0)]).astype(np.float32)
FOLDS = np.repeat(np.arange(4), 20)


@pytest.fixture(scope="module")
def folds() -> tuple[FoldDetectors, OutlierTest]:
    """Four folds of twenty rows, each scored by the detectors of the others."""
    detectors, scores = [], np.zeros((80, len(DETECTORS)))
    for fold in range(4):
        out = fold == FOLDS
        detectors.append(OutlierDetector((slice(0, 12),), seed=fold).fit(KNOWN[~out], Y[~out]))
        scores[out] = detectors[-1].scores(KNOWN[out])
    return FoldDetectors(tuple(detectors)), OutlierTest().fit(scores, np.arange(80), FOLDS)


def test_far_rows_are_found(folds: tuple[FoldDetectors, OutlierTest]) -> None:
    detectors, test = folds
    scores, p = test.test(detectors.scores(FAR))
    usual, p_usual = test.test(detectors.scores(NEAR))
    assert scores.min() > np.median(usual)
    assert (p <= 0.05).mean() > 0.9
    assert (p_usual <= 0.05).mean() < 0.2


def test_the_p_value_is_the_count_by_hand() -> None:
    reference = RNG.normal(size=(80, len(DETECTORS)))
    groups = np.repeat(np.arange(40), 2)
    test = OutlierTest().fit(reference, groups, FOLDS)
    new = RNG.normal(size=(4, 5, len(DETECTORS))) + 0.5
    scores, p = test.test(new)
    combined, known = test.scale_.combine(new), test.scale_.combine(reference)
    for row in range(5):
        above = sum(0.5 * (known[i] >= combined[FOLDS[i], row]) for i in range(80))
        assert p[row] == pytest.approx((1 + above) / 41)
        assert scores[row] == pytest.approx(combined[:, row].mean())
    assert test.n_groups_ == 40


def test_rows_of_one_fold_are_held_against_all(folds: tuple[FoldDetectors, OutlierTest]) -> None:
    test = folds[1]
    one = RNG.normal(size=(7, len(DETECTORS)))
    alike = test.test(np.repeat(one[None], 4, axis=0))
    assert all((a == pytest.approx(b)) for a, b in zip(test.test(one), alike, strict=True))


def test_only_the_columns_asked_for_count_and_length_does_not() -> None:
    detector = OutlierDetector((slice(0, 3), slice(3, 6))).fit(KNOWN, Y)
    changed = NEAR.copy()
    changed[:, 6:] = 1e3
    assert (detector.scores(changed) == detector.scores(NEAR)).all()
    scaled = NEAR * np.r_[np.full(3, 7.0), np.full(3, 0.1), np.ones(6)].astype(np.float32)
    assert detector.scores(scaled) == pytest.approx(detector.scores(NEAR), rel=1e-3, abs=1e-4)
    assert detector.view_.mean_ @ detector.view_.mean_ <= 1 + 1e-6


def test_equal_seeds_give_equal_scores() -> None:
    first, again, other = (OutlierDetector((slice(0, 12),), seed=s).fit(KNOWN, Y).scores(NEAR) for s in (1, 1, 2))
    assert (first == again).all()
    forest = list(DETECTORS).index("isolation_forest")
    assert (first[:, forest] != other[:, forest]).any()


def test_the_scale_gives_each_detector_its_voice_and_no_veto() -> None:
    scores = RNG.normal(size=(100, len(DETECTORS))) * np.logspace(0, 6, len(DETECTORS))
    scale = OutlierScale().fit(scores)
    spread = np.quantile(scores, 0.75, axis=0) - np.quantile(scores, 0.25, axis=0)
    voices = np.array([1.0 if name in ("vim", "energy") else 0.1 for name in DETECTORS])
    by_hand = (np.log1p(np.exp((scores - np.median(scores, axis=0)) / spread)) * voices).sum(axis=1)
    assert scale.combine(scores) == pytest.approx(by_hand)
    loud, silenced = scale.centre_.copy(), scale.centre_.copy()
    loud[0] += 5 * spread[0]
    silenced[0], silenced[1] = loud[0], scale.centre_[1] - 50 * spread[1]
    assert scale.combine(silenced) > scale.combine(scale.centre_)
    assert scale.combine(silenced) > scale.combine(loud) - np.log(2) - 1e-9


def test_a_detector_that_cannot_tell_has_no_say() -> None:
    scores = RNG.normal(size=(50, len(DETECTORS)))
    scores[:, 3] = 0.0
    found = OutlierScale().fit(scores).combine(scores)
    assert np.isfinite(found).all()
    assert np.ptp(found) > 0.1
