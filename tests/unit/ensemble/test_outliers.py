"""Outlier scores: higher is more unusual, and equal to the libraries' own."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from ai_models.ensemble.outliers import DETECTORS, OutlierDetector, OutlierScale

RNG = np.random.default_rng(0)
KNOWN = (RNG.normal(size=(80, 12)) + np.r_[np.full(6, 3.0), np.zeros(6)]).astype(np.float32)
NEAR = (RNG.normal(size=(40, 12)) + np.r_[np.full(6, 3.0), np.zeros(6)]).astype(np.float32)
FAR = (RNG.normal(size=(40, 12)) + np.r_[np.zeros(6), np.full(6, 3.0)]).astype(np.float32)


def test_far_rows_score_higher_with_every_detector() -> None:
    detector = OutlierDetector(slice(0, 12)).fit(KNOWN)
    near, far = detector.scores(NEAR), detector.scores(FAR)
    assert near.shape == (40, len(DETECTORS))
    assert (np.quantile(far, 0.1, axis=0) > np.quantile(near, 0.9, axis=0)).all()
    scale = OutlierScale().fit(near)
    assert scale.combine(far).min() > np.median(scale.combine(near))


def test_nearest_neighbours_equal_scikit_learn() -> None:
    ours = OutlierDetector(slice(0, 12), neighbours=3).fit(KNOWN).scores(NEAR)[:, 1]
    theirs = NearestNeighbors(n_neighbors=3, metric="cosine").fit(KNOWN).kneighbors(NEAR)[0][:, 2]
    assert ours == pytest.approx(theirs, abs=1e-5)


def test_only_the_columns_asked_for_count_and_length_does_not() -> None:
    detector = OutlierDetector(slice(0, 6)).fit(KNOWN)
    changed = NEAR.copy()
    changed[:, 6:] = 1e3
    assert (detector.scores(changed) == detector.scores(NEAR)).all()
    assert detector.scores(NEAR * 7) == pytest.approx(detector.scores(NEAR), abs=1e-5)


def test_the_scale_gives_each_detector_one_voice() -> None:
    scores = np.stack([RNG.normal(size=100), RNG.normal(size=100) * 1e6], axis=1)
    scale = OutlierScale().fit(scores)
    spread = np.quantile(scores, 0.75, axis=0) - np.quantile(scores, 0.25, axis=0)
    by_hand = ((scores - np.median(scores, axis=0)) / spread).mean(axis=1)
    assert scale.combine(scores) == pytest.approx(by_hand)
