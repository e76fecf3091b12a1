"""What is made of the fitted state is neither saved nor counted, and does not outlive another fit."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from ai_models.artifacts.digest import state_digest
from ai_models.ensemble.combination import Combination
from ai_models.ensemble.matrix import finite_matrix
from ai_models.ensemble.members import MemberSpec
from ai_models.ensemble.outliers import FoldDetectors, OutlierDetector
from ai_models.ensemble.scaler import BlockScaler
from ai_models.ensemble.voting import VotingEnsemble

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 20)).astype(np.float32)
Y = np.arange(60) % 3


def _scaler():
    return BlockScaler({"a": slice(0, 8), "b": slice(8, 20)}, 5).fit(X)


def _vote():
    specs = (MemberSpec("forest", ("a",)), MemberSpec("logistic", ("a",)))
    return VotingEnsemble(Combination(specs, (0.5, 0.5), 1.0), {"a": slice(0, 20)}).fit(X.astype(np.float64), Y)


def _detectors():
    return FoldDetectors(tuple(OutlierDetector((slice(0, 20),), f).fit(X[f::2], Y[f::2]) for f in range(2)))


MADE = [
    pytest.param(_scaler, lambda fitted: fitted.transform(X), id="scaler"),
    pytest.param(_vote, lambda fitted: fitted.predict_proba(X.astype(np.float64)), id="vote"),
    pytest.param(_detectors, lambda fitted: fitted.scores(X), id="detectors"),
]


@pytest.mark.parametrize(("make", "use"), MADE)
def test_use_changes_neither_file_nor_digest(make, use):
    fitted = make()
    size, digest = len(pickle.dumps(fitted)), state_digest(fitted)
    answer = use(fitted)
    assert len(pickle.dumps(fitted)) == size
    assert state_digest(fitted) == digest
    np.testing.assert_array_equal(use(pickle.loads(pickle.dumps(fitted))), answer)


def test_what_scikit_learn_keeps_of_an_estimator_is_saved():
    scaler = _scaler().set_output(transform="default")
    assert pickle.loads(pickle.dumps(scaler))._sklearn_output_config == {"transform": "default"}


def test_a_scaler_that_is_fitted_again_forgets():
    scaler = _scaler()
    scaler.transform(X)
    other = X[:, ::-1].copy()
    np.testing.assert_array_equal(scaler.fit(other).transform(X), _scaler().fit(other).transform(X))


def test_detectors_that_are_fitted_again_forget():
    detector = OutlierDetector((slice(0, 20),)).fit(X, Y)
    detector.scores(X)
    for part in (detector.view_, *detector.detectors_):
        view = detector.view_.transform(X)
        part.fit(X[:30], Y[:30]) if part is detector.view_ else part.fit(view, Y)
    fresh = OutlierDetector((slice(0, 20),)).fit(X, Y)
    fresh.view_.fit(X[:30], Y[:30])
    for part in fresh.detectors_:
        part.fit(fresh.view_.transform(X), Y)
    np.testing.assert_array_equal(detector.scores(X), fresh.scores(X))


def test_folds_together_are_the_folds_one_by_one():
    detectors = _detectors()
    together = detectors.scores(X)
    np.testing.assert_array_equal(together, [fold.scores(X) for fold in detectors.folds])
    apart = (detectors.folds[0], OutlierDetector((slice(0, 10),), 1).fit(X[1::2], Y[1::2]))
    np.testing.assert_array_equal(FoldDetectors(apart).scores(X), [fold.scores(X) for fold in apart])


def test_a_matrix_that_is_right_is_passed_on_and_others_are_refused_as_scikit_learn_does():
    assert finite_matrix(X, np.float32) is X
    assert finite_matrix(X.tolist(), np.float64).dtype == np.float64
    for bad, words in (
        (X[0], "Expected 2D array"),
        (X[:0], "0 sample"),
        (np.where(X > 2, np.nan, X), "contains NaN"),
        (X[:, :0], "0 feature"),
    ):
        with pytest.raises(ValueError, match=words):
            finite_matrix(bad.astype(np.float32), np.float32)
