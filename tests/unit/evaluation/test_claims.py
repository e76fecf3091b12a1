"""What an interval allows to be said."""

import pytest

from ai_models.evaluation.claims import claims, settle
from ai_models.metrics import Interval


def figure(estimate, low, high):
    return {"estimate": estimate, "low": low, "high": high}


@pytest.mark.parametrize(
    ("value", "above", "expected"),
    [
        ((0.9, 0.88, 0.95), True, "supported"),
        ((0.9, 0.80, 0.95), True, "n too small to say"),
        ((0.8, 0.70, 0.84), True, "not supported"),
        ((0.8, 0.70, 0.84), False, "supported"),
        ((0.9, 0.88, 0.95), False, "not supported"),
        ((0.9, float("nan"), float("nan")), True, "n too small to say"),
    ],
)
def test_settle(value, above, expected):
    assert settle(Interval(*value), 0.85, above=above) == expected


def metrics(**changed):
    scored = {
        "groups": 50,
        "balanced_accuracy": figure(0.9, 0.84, 0.95),
        "ece": figure(0.04, 0.03, 0.08),
        "ece_floor": {"mean": 0.03, "q95": 0.06},
        "set_coverage": figure(0.97, 0.92, 1.0),
        "classes": {"a": {"f1": figure(0.95, 0.9, 1)}, "b": {"f1": figure(0.92, 0.86, 0.97)}},
    }
    whole = {
        "scored": scored | changed,
        "model": {"coverage": 0.9, "megabytes": 16.0},
        "false_alarms": {"stated": 0.05, "measured": figure(0.2, 0.1, 0.3)},
        "ood": {"coins": {"auroc": figure(0.8, 0.7, 0.84), "groups": 30}},
    }
    return {c["statement"]: c for c in claims(whole)}


def test_each_claim_stands_as_its_interval_says():
    found = metrics()
    standing = {statement: c["standing"] for statement, c in found.items()}
    assert standing == {
        "balanced accuracy > 0.87": "n too small to say",
        "F1 > 0.85 in every class": "supported",
        "ECE < 0.05": "n too small to say",
        "prediction sets hold the true class at least 90% of the time": "supported",
        "at most 5% of known images are called foreign": "not supported",
        "OOD AUROC on 'coins' > 0.85": "not supported",
        "model.joblib < 50 MB": "supported",
    }
    assert "about 200 objects would settle it" in found["balanced accuracy > 0.87"]["evidence"]


def test_every_class_means_every_class():
    one_open = {"a": {"f1": figure(0.95, 0.9, 1)}, "b": {"f1": figure(0.9, 0.7, 1)}}
    assert metrics(classes=one_open)["F1 > 0.85 in every class"]["standing"] == "n too small to say"
    one_bad = one_open | {"c": {"f1": figure(0.5, 0.3, 0.7)}}
    claim = metrics(classes=one_bad)["F1 > 0.85 in every class"]
    assert claim["standing"] == "not supported"
    assert "'c'" in claim["evidence"]
    never_seen = one_open | {"c": {"f1": figure(None, None, None)}}
    assert metrics(classes=never_seen)["F1 > 0.85 in every class"]["standing"] == "n too small to say"


def test_a_small_sample_alone_does_not_speak_against_calibration():
    """ECE .12 where a perfect model shows .10: open; where it shows .02: refuted."""
    small = {"ece": figure(0.12, 0.1, 0.2), "ece_floor": {"mean": 0.1, "q95": 0.14}}
    assert metrics(**small)["ECE < 0.05"]["standing"] == "n too small to say"
    large = small | {"ece_floor": {"mean": 0.02, "q95": 0.03}}
    assert metrics(**large)["ECE < 0.05"]["standing"] == "not supported"
    good = {"ece": figure(0.02, 0.01, 0.04)}
    assert metrics(**good)["ECE < 0.05"]["standing"] == "supported"
