"""The debiased calibration error against Kumar's estimator, brute force and worlds whose truth is known."""

import itertools

import numpy as np
import pytest

from ai_models.metrics import ece, rms_calibration_error, within_group_correlation


def world(rng, groups, temperature, each=2, together=0.6):
    """Rows whose true probabilities are known; the model states them sharpened by `temperature`."""
    member = np.repeat(np.arange(groups), each)
    z = 1.6 * rng.normal(size=(groups, 3))[member] + 0.4 * rng.normal(size=(len(member), 3))
    q, p = (np.exp(t * z) / np.exp(t * z).sum(axis=1, keepdims=True) for t in (1.0, temperature))
    u = np.where(rng.random(len(member)) < together, rng.random(groups)[member], rng.random(len(member)))
    return np.minimum((q.cumsum(axis=1) < u[:, None]).sum(axis=1), 2), p, member


def test_square_is_the_mean_over_pairs_of_different_groups():
    rng = np.random.default_rng(0)
    y, p, groups = world(rng, 9, 2.0)
    gap = (p.argmax(1) == y) - p.max(1)
    pairs = [gap[i] * gap[j] for i, j in itertools.permutations(range(len(y)), 2) if groups[i] != groups[j]]
    assert rms_calibration_error(y, p, groups).estimate == pytest.approx(np.sqrt(max(0, np.mean(pairs))))


def test_single_rows_are_kumars_estimator():
    """Within a bin: (mean gap)^2 less its variance, s^2 / n with n - 1 (Kumar, Liang and Ma 2019)."""
    rng = np.random.default_rng(1)
    y, p, _ = world(rng, 19, 3.0, each=1)
    gap = (p.argmax(1) == y) - p.max(1)
    kumar = gap.mean() ** 2 - gap.var(ddof=1) / len(gap)
    assert rms_calibration_error(y, p, np.arange(19)).estimate ** 2 == pytest.approx(max(0.0, kumar))


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_interval_covers_the_truth_at_small_n(temperature):
    rng = np.random.default_rng(2)
    big = world(rng, 40_000, temperature)
    truth = rms_calibration_error(*big).estimate
    found = [rms_calibration_error(*world(rng, 60, temperature)) for _ in range(200)]
    assert np.mean([f.low <= truth <= f.high for f in found]) >= 0.92
    assert max(f.low for f in found) < 1
    if temperature == 1.0:
        assert truth < 0.02
        assert np.mean([f.estimate == 0 for f in found]) > 0.3  # half of the time there is nothing to see
        assert np.mean([ece(*world(rng, 60, 1.0)[:2]) for _ in range(20)]) > 0.05  # where the plain one always sees it
    else:
        assert np.mean([f.low > 0 for f in found]) > 0.5
        assert ece(*big[:2], 10) <= truth + 0.01


def test_rows_of_one_object_do_not_pretend_to_be_many():
    rng = np.random.default_rng(3)
    y, p, groups = world(rng, 40, 1.5, each=1)
    once = rms_calibration_error(y, p, groups)
    many = rms_calibration_error(np.repeat(y, 5), np.repeat(p, 5, axis=0), np.repeat(groups, 5))
    assert many[:3] == pytest.approx(once[:3], abs=0.01)


def test_correlation_within_groups():
    rng = np.random.default_rng(4)
    assert within_group_correlation(*world(rng, 3000, 1.0, together=0.0)) == pytest.approx(0, abs=0.05)
    y, p, groups = world(rng, 400, 1.0, each=1)
    assert within_group_correlation(np.repeat(y, 3), np.repeat(p, 3, axis=0), np.repeat(groups, 3)) == pytest.approx(1)
    assert within_group_correlation(y, p, groups) == 0


def test_one_group_says_nothing():
    y, p, _ = world(np.random.default_rng(5), 3, 1.0)
    assert np.isnan(rms_calibration_error(y, p, np.zeros(len(y)))[:3]).all()
