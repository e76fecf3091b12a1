"""Verdicts: what the judge makes of probabilities and outlier scores, at its borders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ai_models.core.predictions import OodVerdict, Reason
from ai_models.ensemble.judge import Judge
from ai_models.ensemble.outliers import DETECTORS, OutlierTest
from ai_models.ensemble.photograph_quality import QualityTest
from ai_models.ensemble.prediction_sets import PredictionSets

OBJECTS = np.arange(60)


@pytest.fixture
def judge() -> Judge:
    """Sixty objects whose true class had a probability of .95 to 1; outlier scores 0 to 59."""
    spread = np.repeat(OBJECTS[:, None], len(DETECTORS), axis=1).astype(np.float64)
    misfits = np.linspace(0.0, 0.05, 60)
    return Judge(
        sets=PredictionSets("lac", 0.9).fit(np.stack([1 - misfits, misfits], axis=1), np.zeros(60, int), OBJECTS),
        outliers=OutlierTest().fit(spread, OBJECTS, OBJECTS % 3),
        alpha=0.05,
        confidence_threshold=0.5,
    )


@pytest.mark.parametrize(
    ("confidence", "outlier", "verdict"),
    [
        (0.99, 30, OodVerdict.IN_DOMAIN),
        (0.92, 30, OodVerdict.IN_DOMAIN),  # below what is usual, but as sure as the coverage asks for
        (0.80, 30, OodVerdict.UNSURE),  # no class conforms: the set was filled, and nobody is sure
        (0.55, 30, OodVerdict.UNSURE),
        (0.99, 100, OodVerdict.OOD),
        (0.55, 100, OodVerdict.OOD),
    ],
)
def test_a_filled_set_is_no_certainty(judge: Judge, confidence: float, outlier: float, verdict: OodVerdict) -> None:
    p = np.array([[confidence, 1 - confidence]])
    found = judge.judge(("a", "b"), p, np.full((1, len(DETECTORS)), float(outlier)))[0]
    assert found.verdict is verdict
    assert found.prediction_set == ("a",)
    assert bool(found.detail) == (found.reason is not Reason.NONE) == (verdict is not OodVerdict.IN_DOMAIN)


NEAREST = list(DETECTORS).index("nearest_neighbours")
GOOD = np.array([0.9, 0.9, 0.9, 0.76, 0.0], dtype=np.float32)


def with_quality(judge: Judge, objects: int = 60) -> Judge:
    """The same judge, who has seen photographs of sharpness .5 to .9."""
    seen = np.repeat(GOOD[None], objects, axis=0)
    seen[:, 0] = np.linspace(0.5, 0.9, objects)
    return replace(judge, quality=QualityTest().fit(seen, np.arange(objects)))


def said(judge: Judge, scores: np.ndarray, quality: np.ndarray | None = None) -> tuple[OodVerdict, Reason, str]:
    rows = None if quality is None else quality[None]
    found = judge.judge(("a", "b"), np.array([[0.99, 0.01]]), scores[None], rows)[0]
    return found.verdict, found.reason, found.detail


def test_the_unusual_is_near_a_class_or_far_from_all(judge: Judge) -> None:
    far = np.full(len(DETECTORS), 100.0)
    near = far.copy()
    near[NEAREST] = 30.0
    assert said(judge, far)[:2] == (OodVerdict.OOD, Reason.FAR)
    verdict, reason, detail = said(judge, near)
    assert (verdict, reason) == (OodVerdict.OOD, Reason.NEAR_CLASS)
    assert detail.startswith("near a, yet unlike")


def test_a_photograph_worse_than_all_is_foreign_for_its_quality(judge: Judge) -> None:
    usual, bad = np.full(len(DETECTORS), 30.0), GOOD.copy()
    bad[0] = 0.1
    assert said(with_quality(judge), usual, bad)[:2] == (OodVerdict.OOD, Reason.QUALITY)
    assert "blurred" in said(with_quality(judge), usual, bad)[2]
    assert said(with_quality(judge), usual, GOOD)[:2] == (OodVerdict.IN_DOMAIN, Reason.NONE)
    assert said(with_quality(judge), usual)[0] is OodVerdict.IN_DOMAIN


def test_with_few_objects_a_blank_photograph_is_unsure_and_a_blurred_one_is_not_judged(judge: Judge) -> None:
    usual, blank, bad = np.full(len(DETECTORS), 30.0), GOOD.copy(), GOOD.copy()
    blank[2], bad[0] = 0.0, 0.1
    few = with_quality(judge, objects=30)
    assert said(few, usual, blank)[:2] == (OodVerdict.UNSURE, Reason.QUALITY)
    assert said(few, usual, bad)[0] is OodVerdict.IN_DOMAIN


def test_quality_and_features_share_one_false_alarm_rate(judge: Judge) -> None:
    """Of sixty known objects, held against themselves, at most alpha are called foreign by both together."""
    both = with_quality(judge)
    quality = np.repeat(GOOD[None], 60, axis=0)
    quality[:, 0] = np.linspace(0.5, 0.9, 60)
    scores = np.repeat(OBJECTS[:, None], len(DETECTORS), axis=1).astype(np.float64)
    found = both.judge(("a", "b"), np.tile([0.99, 0.01], (60, 1)), scores, quality)
    alone = judge.judge(("a", "b"), np.tile([0.99, 0.01], (60, 1)), scores)
    assert sum(v is OodVerdict.OOD for v in alone.verdicts) == 2  # p = 2/61 and 3/61
    assert sum(v is OodVerdict.OOD for v in found.verdicts) == 1  # quality holds 1/61 of the rate
    worst = both.judge(("a", "b"), np.array([[0.99, 0.01]]), np.full((1, len(DETECTORS)), 100.0), quality[:1])
    assert worst.verdicts == (OodVerdict.OOD,)
