"""Verdicts: what the judge makes of probabilities and outlier scores, at its borders."""

from __future__ import annotations

import numpy as np
import pytest

from ai_models.core.predictions import OodVerdict
from ai_models.ensemble.judge import Judge
from ai_models.ensemble.outliers import DETECTORS, OutlierTest
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
    assert bool(found.reason) == (verdict is not OodVerdict.IN_DOMAIN)
