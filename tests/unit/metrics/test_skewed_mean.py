"""Hall's interval of a mean against Student's t, on paper and where the truth is skewed."""

import numpy as np
import pytest
from scipy import stats

from ai_models.metrics import skewed_mean


def test_without_skewness_it_is_students():
    x = np.r_[np.arange(1.0, 11), -np.arange(1.0, 11)] + 3
    got = skewed_mean(x, np.arange(20))
    assert got[:3] == pytest.approx((3, *stats.t.interval(0.95, 19, 3, stats.sem(x))))


def test_turned_ends_fulfil_halls_equation():
    """g(t) = t + a t^2 / 3 + a^2 t^3 / 27 + a / 6 of both ends is -+ Student's quantile."""
    x = np.random.default_rng(0).exponential(size=25)
    got = skewed_mean(x, np.arange(25))
    a = stats.skew(x, bias=False) / 5
    for end, sign in ((got.low, 1), (got.high, -1)):
        t = (x.mean() - end) / stats.sem(x)
        assert t + a * t**2 / 3 + a**2 * t**3 / 27 + a / 6 == pytest.approx(sign * stats.t.ppf(0.975, 24))


def test_holds_the_mean_of_skewed_losses_more_often_than_students():
    rng = np.random.default_rng(1)
    truth, held = np.exp(0.5 * 1.2**2), np.zeros(2)
    for _ in range(600):
        x = rng.lognormal(0, 1.2, 20)
        got, plain = skewed_mean(x, np.arange(20)), stats.t.interval(0.95, 19, x.mean(), stats.sem(x))
        held += [got.low <= truth <= got.high, plain[0] <= truth <= plain[1]]
    assert held[0] / 600 > held[1] / 600 + 0.03
    assert held[0] / 600 > 0.9


def test_rows_of_one_object_count_once():
    x = np.random.default_rng(2).exponential(size=15)
    once, thrice = skewed_mean(x, np.arange(15)), skewed_mean(np.repeat(x, 3), np.repeat(np.arange(15), 3))
    assert thrice[:3] == pytest.approx(once[:3])
    assert np.isnan(skewed_mean(x, np.arange(15) % 2).low)
    assert skewed_mean(np.ones(5), np.arange(5))[:3] == (1, 1, 1)
    assert np.isnan(skewed_mean([], []).estimate)
