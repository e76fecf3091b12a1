"""The paired comparison against a t-test and a simulation."""

import numpy as np
import pytest
from scipy import stats

from ai_models.metrics import paired_difference


def test_single_rows_are_the_paired_t_test():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50))
    got = paired_difference(a, b, np.arange(50))
    assert got.mean == pytest.approx((a - b).mean())
    assert got.z == pytest.approx(stats.ttest_rel(a, b).statistic)
    assert got.groups == 50


def test_rows_that_repeat_each_other_add_nothing():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 30))
    once = paired_difference(a, b, np.arange(30))
    thrice = paired_difference(np.repeat(a, 3), np.repeat(b, 3), np.repeat(np.arange(30), 3))
    assert thrice.se == pytest.approx(once.se)


def test_edges():
    one = paired_difference(np.ones(4), np.zeros(4), ["g"] * 4)
    assert (one.mean, one.se, one.groups, one.z) == (1, np.inf, 1, 0)
    same = paired_difference(np.ones(4), np.ones(4), np.arange(4))
    assert (same.mean, same.se, same.z) == (0, 0, 0)
    assert paired_difference(np.ones(4), np.zeros(4), np.arange(4)).z == np.inf
    with pytest.raises(ValueError, match="at least one row"):
        paired_difference([], [], [])
