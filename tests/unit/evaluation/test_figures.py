"""Figures and their intervals on predictions made up for the purpose."""

import numpy as np
import pytest
from sklearn import metrics as sk

from ai_models.core.predictions import OodVerdict, Predictions
from ai_models.core.settings import EvaluationConfig
from ai_models.evaluation.detection import detection_figures, false_alarms
from ai_models.evaluation.figures import draws_of, figures, gap, interval
from ai_models.evaluation.scoring import Foreign

CONFIG = EvaluationConfig(bootstrap_draws=200)
CLASSES = ("a", "b", "c")


def predictions(p, scores=None, verdicts=None):
    n = len(p)
    scores = np.zeros(n) if scores is None else scores
    verdicts = verdicts or (OodVerdict.IN_DOMAIN,) * n
    return Predictions(CLASSES[: p.shape[1]], p, p > 0.2, scores, np.full(n, 0.5), tuple(verdicts))


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    p = rng.dirichlet(np.ones(3), 60)
    p[np.arange(60), y] += 0.5
    return y, p / p.sum(1, keepdims=True), np.array([f"g{i // 2}" for i in range(60)])


def test_estimates_equal_sklearn(rows):
    y, p, groups = rows
    found = figures(y, predictions(p), groups, CONFIG)
    said = p.argmax(1)
    expected = {
        "accuracy": sk.accuracy_score(y, said),
        "balanced_accuracy": sk.balanced_accuracy_score(y, said),
        "f1_macro": sk.f1_score(y, said, average="macro"),
        "f1_weighted": sk.f1_score(y, said, average="weighted"),
        "nll": sk.log_loss(y, p),
        "set_coverage": (p > 0.2)[np.arange(60), y].mean(),
        "set_size": (p > 0.2).sum(1).mean(),
    }
    for name, value in expected.items():
        assert found[name]["estimate"] == pytest.approx(value), name
    assert (found["images"], found["groups"]) == (60, 30)
    assert sum(c["images"] for c in found["classes"].values()) == 60
    assert found["confusion_matrix"]["images"] == sk.confusion_matrix(y, said).tolist()


def test_perfect_predictions_leave_width():
    """Nothing went wrong in 12 objects; the promise must still be open downwards."""
    y = np.arange(12) % 3
    found = figures(y, predictions(np.eye(3)[y]), y.astype(str), CONFIG)
    assert found["classes"]["a"]["groups"] == 1
    assert found["accuracy"]["low"] < 0.75
    assert found["classes"]["a"]["f1"]["low"] < 0.2
    found = figures(y, predictions(np.eye(3)[y]), np.arange(12).astype(str), CONFIG)
    assert found["accuracy"] == pytest.approx({"estimate": 1, "low": 0.025 ** (1 / 12), "high": 1})
    assert found["balanced_accuracy"]["low"] < 0.9


def test_rows_of_one_object_count_once(rows):
    """The same rows three times over, as one object each, have the same intervals."""
    y, p, _ = rows
    once = figures(y, predictions(p), np.arange(60).astype(str), CONFIG)
    y3, p3, g3 = np.repeat(y, 3), np.repeat(p, 3, axis=0), np.repeat(np.arange(60), 3).astype(str)
    thrice = figures(y3, predictions(p3), g3, CONFIG)
    for name in ("accuracy", "nll", "f1_macro"):
        assert thrice[name] == pytest.approx(once[name], abs=0.01), name


def test_a_class_without_photographs_has_no_recall():
    y = np.array([0, 0, 1, 1])
    found = figures(y, predictions(np.eye(3)[[0, 0, 1, 1]]), np.arange(4).astype(str), CONFIG)
    absent = found["classes"]["c"]
    assert (absent["images"], absent["recall"]["estimate"], absent["f1"]["estimate"]) == (0, None, None)
    assert found["balanced_accuracy"]["estimate"] == 1


def test_gap_is_a_difference_of_independent_samples(rows):
    y, p, groups = rows
    found = figures(y, predictions(p), groups, CONFIG)
    none = interval(gap(found, found)["accuracy"])
    assert none.estimate == 0
    assert none.low < 0 < none.high


def test_quick_draws_fewer():
    assert draws_of(EvaluationConfig()) == 2000
    assert draws_of(EvaluationConfig(quick=True)) == 300
    assert draws_of(EvaluationConfig(quick=True, bootstrap_draws=150)) == 150


def test_perfect_separation_is_not_certain(tmp_path):
    known = predictions(np.eye(3)[[0] * 20], scores=np.arange(20.0))
    strange = predictions(np.eye(3)[[0] * 10], np.arange(10.0) + 50, [OodVerdict.OOD] * 9 + [OodVerdict.IN_DOMAIN])
    foreign = Foreign("x", tmp_path, (), np.arange(10).astype(str), strange, ())
    found = detection_figures(known, np.arange(20).astype(str), foreign, CONFIG)
    assert found["auroc"]["estimate"] == 1
    assert found["auroc"]["low"] == pytest.approx(0.025 ** (1 / 10))
    assert found["called_ood"]["estimate"] == pytest.approx(0.9)
    assert found["called_in_domain"]["estimate"] == pytest.approx(0.1)


def test_false_alarms_stand_beside_the_stated_rate():
    verdicts = [OodVerdict.OOD] + [OodVerdict.UNSURE] * 19
    found = false_alarms(predictions(np.eye(3)[[0] * 20], verdicts=verdicts), np.arange(20).astype(str), 0.05)
    assert found["stated"] == 0.05
    assert found["measured"]["estimate"] == pytest.approx(0.05)


def test_among_spreads_and_leaves_the_rest_unreadable():
    known = predictions(np.eye(3)[[0, 2]])
    spread = known.among(np.array([3, 0]), [""] * 4)
    assert spread.predicted == ["c", "", "", "a"]
    assert spread.readable.tolist() == [True, False, False, True]
    np.testing.assert_array_equal(spread.probabilities[[3, 0]], known.probabilities)
    np.testing.assert_array_equal(np.isnan(spread.ood_scores), [False, True, True, False])


def test_fifteen_right_answers_do_not_prove_calibration():
    found = figures(np.zeros(15, int), predictions(np.tile([0.999, 0.001], (15, 1))), np.arange(15).astype(str), CONFIG)
    # 15 of 15 leave an accuracy of .782 open (Clopper-Pearson), hence an ECE of .999 - .782
    assert found["ece"]["high"] == pytest.approx(0.999 - 0.7820, abs=1e-3)
