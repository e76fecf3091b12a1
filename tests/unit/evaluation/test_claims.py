"""What an interval allows to be said."""

import pytest

from ai_models.core.errors import DataError
from ai_models.evaluation.claims import check_names, claims, settle, together
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


def one_class(estimate, low, high, least=None, most=None):
    wide = figure(estimate, low if least is None else least, high if most is None else most)
    names = ("precision", "recall", "f1")
    own = {name: figure(estimate, low, high) for name in names}
    return own | {"groups": 20, "predicted_groups": 18, "simultaneous": dict.fromkeys(names, wide)}


def metrics(asked=(), **changed):
    scored = {
        "groups": 50,
        "balanced_accuracy": figure(0.9, 0.84, 0.95),
        "ece": figure(0.04, 0.03, 0.08),
        "rms_calibration_error": figure(0.03, 0.0, 0.09),
        "ece_floor": {"mean": 0.03, "q95": 0.06, "q975": 0.07},
        "accuracy": figure(0.92, 0.86, 0.96),
        "brier_parts": {"reliability": figure(0.01, 0.0, 0.03), "resolution": figure(0.5, 0.4, 0.6)},
        "verdicts": {"unsure": figure(0.1, 0.05, 0.2), "in_domain": figure(0.85, 0.75, 0.92)},
        "set_coverage": figure(0.97, 0.92, 1.0),
        "classes": {"a": one_class(0.95, 0.9, 1), "b": one_class(0.92, 0.86, 0.97)},
    }
    whole = {
        "scored": scored | changed,
        "model": {"coverage": 0.9, "megabytes": 16.0},
        "prediction_sets": {"measured": {"all": {"by_class": {"coverage": figure(0.93, 0.85, 0.98)}}}},
        "false_alarms": {"stated": 0.05, "measured": figure(0.2, 0.1, 0.3)},
        "ood": {"coins": {"auroc": figure(0.8, 0.7, 0.84), "called_in_domain": figure(0.1, 0.02, 0.3), "groups": 30}},
    }
    return {c["statement"]: c for c in claims(whole, asked)}


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
    statement = "F1 > 0.85 in every class"
    one_open = {"a": one_class(0.95, 0.9, 1), "b": one_class(0.9, 0.7, 1)}
    assert metrics(classes=one_open)[statement]["standing"] == "n too small to say"
    one_bad = one_open | {"c": one_class(0.5, 0.3, 0.7, 0.2, 0.8)}
    claim = metrics(classes=one_bad)[statement]
    assert claim["standing"] == "not supported"
    assert "'c'" in claim["evidence"]
    never_seen = one_open | {"c": one_class(None, None, None)}
    assert metrics(classes=never_seen)[statement]["standing"] == "n too small to say"


def test_one_class_of_many_may_fall_by_chance():
    """Its own interval lies below the bar, the one that holds for all classes at once does not."""
    unlucky = {"a": one_class(0.95, 0.9, 1), "b": one_class(0.7, 0.5, 0.84, 0.4, 0.9)}
    assert metrics(classes=unlucky)["F1 > 0.85 in every class"]["standing"] == "n too small to say"
    assert metrics(["f1 > 0.85 in class b"], classes=unlucky)["f1 > 0.85 in class b"]["standing"] == "not supported"


def test_calibration_is_judged_without_what_the_small_sample_adds():
    """ECE .12 where a perfect model shows up to .15: open; up to .04: refuted; supported only by the debiased bound."""
    small = {"ece": figure(0.12, 0.1, 0.2), "ece_floor": {"mean": 0.1, "q95": 0.14, "q975": 0.15}}
    assert metrics(**small)["ECE < 0.05"]["standing"] == "n too small to say"
    large = small | {"ece_floor": {"mean": 0.02, "q95": 0.03, "q975": 0.04}}
    assert metrics(**large)["ECE < 0.05"]["standing"] == "not supported"
    assert metrics(ece=figure(0.02, 0.01, 0.04))["ECE < 0.05"]["standing"] == "n too small to say"
    good = {"ece": figure(0.03, 0.02, 0.06), "rms_calibration_error": figure(0.0, 0.0, 0.04)}
    assert metrics(**good)["ECE < 0.05"]["standing"] == "supported"


@pytest.mark.parametrize(
    ("asked", "standing"),
    [
        ("accuracy > 85%", "supported"),
        ("accuracy > 0.97", "not supported"),
        ("brier_reliability < 0.05", "supported"),
        ("called_unsure < 0.04", "not supported"),
        ("false_alarms < 0.5", "supported"),
        ("recall > 0.88 in class a", "supported"),
        ("precision > 0.9 in every class", "n too small to say"),
        ("taken_for_known < 0.5 on coins", "supported"),
        ("auroc > 0.9 on coins", "not supported"),
        ("model_mb < 10", "not supported"),
        ("set_coverage > 0.95", "n too small to say"),
        ("set_coverage_by_class > 0.8", "supported"),
    ],
)
def test_what_a_user_asks_is_answered_first(asked, standing):
    found = list(metrics([asked]).values())
    assert found[0]["asked"]
    assert found[0]["standing"] == standing
    assert found[0]["evidence"]
    assert not any(c["asked"] for c in found[1:])


def test_names_of_classes_and_folders_are_checked():
    check_names(["recall > 0.8 in class พระ", "auroc > 0.9 on coins", "ece < 0.1"], ["พระ"], ["coins"])
    with pytest.raises(DataError, match="did you mean 'front'"):
        check_names(["recall > 0.8 in class fromt"], ["front", "back"], [])
    with pytest.raises(DataError, match="none: add --ood-dir"):
        check_names(["auroc > 0.9 on coins"], ["front"], [])


def test_several_claims_are_several_tests():
    found = [{"standing": "supported"}] * 3 + [{"standing": "not supported"}]
    assert "all 3 supported ones hold at once with 92.5% certainty" in together(found)
    assert "at once" not in together(found[:1])
