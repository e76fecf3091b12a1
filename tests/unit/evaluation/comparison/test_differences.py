"""Paired differences against hand-made truths."""

import numpy as np
import pytest
from scipy import stats

from ai_models.evaluation.comparison.compare import answer
from ai_models.evaluation.comparison.differences import differences, object_gains
from ai_models.evaluation.comparison.shared import Shared
from ai_models.metrics import balanced_accuracy, brier, nll


def shared(y, a, b, groups=None):
    groups = np.arange(len(y)) if groups is None else groups
    k = a.shape[1]
    return Shared(tuple("abcdef"[:k]), tuple(map(str, range(len(y)))), y, a, b, np.asarray(groups).astype(str), 0, 0)


def made(n, k, lead_a, lead_b, seed):
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
    noise = rng.normal(size=(n, k))
    out = []
    for lead in (lead_a, lead_b):
        z = noise + 0.4 * rng.normal(size=(n, k)) + lead * np.eye(k)[y]
        p = np.exp(z)
        out.append(p / p.sum(axis=1, keepdims=True))
    return shared(y, *out)


def judged(rows, seed=0):
    found = differences(rows, draws=400, seed=seed)
    return {
        "figures": found,
        "groups": len(set(rows.groups)),
        "images": len(rows.y),
        "a": {"name": "A"},
        "b": {"name": "B"},
    }


def test_estimates_are_the_differences_of_the_figures():
    rows = made(60, 3, 2.0, 1.0, 0)
    found = differences(rows, draws=100, seed=0)
    said = rows.a.argmax(1), rows.b.argmax(1)
    expected = {
        "nll": nll(rows.y, rows.b) - nll(rows.y, rows.a),
        "brier": brier(rows.y, rows.b) - brier(rows.y, rows.a),
        "accuracy": np.mean(said[0] == rows.y) - np.mean(said[1] == rows.y),
        "balanced_accuracy": balanced_accuracy(rows.y, said[0], 3) - balanced_accuracy(rows.y, said[1], 3),
    }
    for name, value in expected.items():
        assert found[name]["a_better_by"]["estimate"] == pytest.approx(value), name
        assert found[name]["a_better_by"]["estimate"] > 0
    assert found["balanced_accuracy"]["a"]["estimate"] == pytest.approx(balanced_accuracy(rows.y, said[0], 3))


def test_swapping_the_two_turns_every_sign():
    rows = made(40, 3, 1.5, 1.0, 1)
    turned = shared(rows.y, rows.b, rows.a)
    one, other = differences(rows, draws=200, seed=0), differences(turned, draws=200, seed=0)
    for name in ("nll", "brier", "accuracy", "balanced_accuracy"):
        a, b = one[name]["a_better_by"], other[name]["a_better_by"]
        assert (a["estimate"], a["low"], a["high"]) == pytest.approx((-b["estimate"], -b["high"], -b["low"]))
        assert one[name]["p"] == other[name]["p"]
    assert (one["wins"]["a"], one["wins"]["b"]) == (other["wins"]["b"], other["wins"]["a"])


def test_the_better_one_is_named_whichever_side_it_stands_on():
    rows = made(80, 3, 3.0, 0.5, 2)
    found = judged(rows)
    assert answer(found, "nll").startswith("A is better by")
    turned = judged(shared(rows.y, rows.b, rows.a))
    text = answer(turned, "nll")
    assert text.startswith("B is better by")
    assert f"{found['figures']['nll']['a_better_by']['estimate']:.3f}" in text


def test_too_few_objects_show_nothing_and_say_what_they_could_have_shown():
    rows = made(9, 3, 1.0, 1.0, 3)
    text = answer(judged(rows), "nll")
    assert text.startswith("no difference in log loss can be seen with 9 objects")
    assert "would have been needed" in text


def test_copies_of_an_object_are_no_evidence():
    """Four objects, 20 equal photographs each: however many photographs, four signs prove nothing."""
    rows = made(4, 3, 3.0, 0.5, 2)
    many = shared(*(np.repeat(v, 20, axis=0) for v in (rows.y, rows.a, rows.b)), np.repeat(np.arange(4), 20))
    found = judged(many)
    assert found["figures"]["nll"]["p"] >= 2 / 16
    assert "can be seen with 4 objects" in answer(found, "nll")


def test_equal_models_agree():
    rows = made(20, 3, 1.0, 1.0, 4)
    text = answer(judged(shared(rows.y, rows.a, rows.a)), "accuracy")
    assert "alike on every one of 20 objects" in text


def test_interval_and_error_rate_under_no_difference():
    """Exchangeable models: B is called better or worse in about 5 % of folders, never in many more."""
    called = 0
    runs = 150
    for run in range(runs):
        found = judged(made(30, 3, 1.0, 1.0, 100 + run))
        called += "is better by" in answer(found, "nll")
    assert called / runs <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / runs)


def test_interval_of_the_log_loss_is_the_paired_t_interval():
    rows = made(60, 3, 1.6, 1.0, 5)
    gain = object_gains(rows)
    ends = stats.t.interval(0.95, 59, gain.mean(), stats.sem(gain))
    found = differences(rows, draws=4000, seed=0)["nll"]["a_better_by"]
    assert (found["low"], found["high"]) == pytest.approx(ends, abs=0.12 * (ends[1] - ends[0]))
