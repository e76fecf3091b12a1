"""Prediction sets against MAPIE, by hand, and by what they refuse to promise."""

from __future__ import annotations

import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from sklearn.linear_model import LogisticRegression

from ai_models.ensemble.prediction_sets import PredictionSets, misfit


class _NoDraw(np.random.RandomState):
    """MAPIE always randomises APS; with each draw 1 its score is the probability of the likelier classes."""

    def uniform(self, low: float = 0.0, high: float = 1.0, size: object = None) -> np.ndarray:
        return np.ones(size)


@pytest.fixture(scope="module")
def problem():
    """Fitted classifier, calibration rows and labels, new rows and labels: four classes that overlap."""
    rng = np.random.default_rng(2)
    centres = rng.normal(size=(4, 5))
    y = rng.integers(0, 4, size=1200)
    X = centres[y] * 0.7 + rng.normal(size=(1200, 5))
    model = LogisticRegression().fit(X[:200], y[:200])
    return model, X[200:600], y[200:600], X[600:], y[600:]


def _theirs(model, X, y, new, method: str, coverage: float) -> np.ndarray:
    oracle = SplitConformalClassifier(
        model, confidence_level=coverage, conformity_score=method, prefit=True, random_state=_NoDraw(0)
    )
    oracle.conformalize(X, y)
    draw = {"include_last_label": "randomized"} if method == "aps" else {}
    return oracle.predict_set(new, conformity_score_params=draw)[1][:, :, 0]


@pytest.mark.parametrize("method", ["lac", "aps"])
@pytest.mark.parametrize("coverage", [0.9, 0.75])
def test_pooled_sets_equal_mapie_when_every_image_is_its_own_object(problem, method: str, coverage: float) -> None:
    model, X, y, new, truth = problem
    theirs = _theirs(model, X, y, new, method, coverage)
    ours = PredictionSets(method, coverage).fit(model.predict_proba(X), y, np.arange(len(y)))
    p = model.predict_proba(new)
    np.testing.assert_array_equal(ours.conforming(p), theirs)
    assert theirs[np.arange(len(p)), truth].mean() == pytest.approx(coverage, abs=0.06)
    filled = theirs.copy()
    filled[np.arange(len(p)), p.argmax(axis=1)] = True  # a set always holds the likeliest class
    np.testing.assert_array_equal(ours.sets(p), filled)


@pytest.mark.filterwarnings("ignore:WARNING. your conformalization dataset has less labels")
@pytest.mark.parametrize("method", ["lac", "aps"])
def test_sets_by_class_equal_mapie_calibrated_on_the_class_alone(problem, method: str, monkeypatch) -> None:
    monkeypatch.setattr("mapie.classification.check_target", lambda *_: None)  # it takes one class for a mistake
    model, X, y, new, truth = problem
    p = model.predict_proba(new)
    ours = PredictionSets(method, 0.9).fit(model.predict_proba(X), y, np.arange(len(y)))
    found = ours.conforming(p, by_class=True)
    for c in range(4):
        theirs = _theirs(model, X[y == c], y[y == c], new, method, 0.9)
        np.testing.assert_array_equal(found[:, c], theirs[:, c])
        assert found[truth == c, c].mean() == pytest.approx(0.9, abs=0.09)


def test_misfit_by_hand() -> None:
    p = np.array([[0.5, 0.2, 0.3], [0.4, 0.4, 0.2]])
    assert misfit(p, "lac") == pytest.approx(1 - p)
    assert misfit(p, "aps") == pytest.approx(np.array([[0.0, 0.8, 0.5], [0.0, 0.0, 0.8]]))
    with pytest.raises(ValueError, match="'lac' or 'aps', got 'raps'"):
        misfit(p, "raps")


def test_aps_never_rules_out_the_likeliest_class() -> None:
    rng = np.random.default_rng(5)
    p = rng.dirichlet(np.ones(4), 300)
    found = PredictionSets("aps", 0.5).fit(p[:200], rng.integers(0, 4, 200), np.arange(200)).conforming(p)
    assert found[np.arange(300), p.argmax(axis=1)].all()
    assert found.sum(axis=1).min() == 1


def test_repeated_photographs_of_an_object_count_once(problem) -> None:
    model, X, y, new, _ = problem
    p, own = model.predict_proba(X), np.arange(len(y))
    once = PredictionSets("aps").fit(p, y, own)
    often = PredictionSets("aps").fit(np.repeat(p, 5, axis=0), np.repeat(y, 5), np.repeat(own, 5))
    q = model.predict_proba(new)
    for by_class in (False, True):
        assert often.p_values(q, by_class=by_class) == pytest.approx(once.p_values(q, by_class=by_class))
    assert often.groups_ == once.groups_ == tuple(np.bincount(y).tolist())


@pytest.mark.parametrize(("coverage", "needed"), [(0.9, 9), (0.95, 19)])
def test_a_class_with_too_few_objects_gets_the_pooled_set_and_no_promise(coverage: float, needed: int) -> None:
    y = np.repeat([0, 1], [40, needed - 1])
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1], len(y))
    few = PredictionSets("lac", coverage).fit(p, y, np.arange(len(y)))
    assert [s.own for s in few.standings()] == [True, False]
    np.testing.assert_array_equal(few.p_values(p, by_class=True)[:, 1], few.p_values(p)[:, 1])
    promised = few.promised(("many", "few"))
    assert promised["groups_needed"] == needed
    assert promised["classes"]["few"] == {
        "groups": needed - 1, "reference": "pooled", "to_expect": promised["pooled"]["to_expect"]
    }  # fmt: skip
    assert promised["classes"]["many"]["to_expect"]["low"] < promised["pooled"]["to_expect"]["low"]
    y = np.append(y, 1)
    enough = PredictionSets("lac", coverage).fit(rng.dirichlet([1, 1], len(y)), y, np.arange(len(y)))
    assert [s.own for s in enough.standings()] == [True, True]


def test_too_few_objects_in_all_leave_nothing_out_and_the_likeliest_is_always_in() -> None:
    sure = np.array([[1.0, 0.0]])
    few = PredictionSets().fit(np.tile(sure, (8, 1)), np.zeros(8, int), np.arange(8))
    assert few.sets(sure).all()
    assert few.sets(sure, by_class=True).all()
    nine = PredictionSets().fit(np.tile(sure, (9, 1)), np.zeros(9, int), np.arange(9))
    assert nine.sets(sure).tolist() == [[True, False]]
    doubtful = np.array([[0.6, 0.4]])
    assert not nine.conforming(doubtful).any()
    assert nine.sets(doubtful).tolist() == [[True, False]]
