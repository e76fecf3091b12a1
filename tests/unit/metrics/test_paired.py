"""The paired comparison against a t-test and a simulation."""

import numpy as np
import pytest
from scipy import stats

from ai_models.metrics import detectable_difference, group_wins, paired_difference, sign_flip_test


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


def test_sign_flips_are_all_tried_where_few_groups_differ():
    """Against SciPy's exact permutation test of one sample, and by hand for three groups."""
    rng = np.random.default_rng(3)
    values = rng.normal(0.5, 1, 9)
    theirs = stats.permutation_test((values,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_test(values, np.arange(9), seed=0) == pytest.approx(theirs.pvalue)
    assert sign_flip_test([1.0, 2.0, 3.0], np.arange(3), seed=0) == 2 / 8
    assert sign_flip_test([1.0, 2.0, 3.0], [0, 0, 1], seed=0) == 2 / 4  # sums 3 and 3: 6, 0, 0, -6
    assert sign_flip_test(np.zeros(4), np.arange(4), seed=0) == 1.0


def test_random_flips_are_near_the_exact_ones():
    rng = np.random.default_rng(4)
    values = rng.normal(0.4, 1, 40)
    p = sign_flip_test(values, np.arange(40), seed=0)
    theirs = stats.permutation_test((values,), np.sum, permutation_type="samples", n_resamples=20_000, rng=rng)
    assert p == pytest.approx(theirs.pvalue, abs=0.01)
    assert p == sign_flip_test(values, np.arange(40), seed=0)
    assert p > 0


def test_flips_by_row_would_call_copies_evidence():
    """Five objects of eight equal rows: 2 / 2^5 at best, not 2 / 2^40."""
    assert sign_flip_test(np.ones(40), np.repeat(np.arange(5), 8), seed=0) == 2 / 32


def test_sign_flips_keep_their_level():
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(25), 3)
    found = [
        sign_flip_test(np.repeat(rng.standard_t(3, 25), 3) + rng.normal(size=75), groups, seed=i, draws=199)
        for i in range(400)
    ]
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)


@pytest.mark.parametrize(("a", "b"), [(0, 0), (5, 0), (7, 2), (3, 11), (30, 12)])
def test_group_wins_of_single_rows_is_mcnemar(a, b):
    right_a, right_b = np.r_[np.ones(a), np.zeros(b), np.ones(4)], np.r_[np.zeros(a), np.ones(b), np.ones(4)]
    found = group_wins(right_a, right_b, np.arange(a + b + 4))
    assert (found.a, found.b) == (a, b)
    assert found.p == pytest.approx(stats.binomtest(a, a + b).pvalue if a + b else 1.0)


def test_a_group_wins_once():
    found = group_wins([1, 1, 1, 0, 1], [0, 0, 0, 1, 0], ["x", "x", "x", "y", "y"])
    assert found[:2] == (1, 0)


def test_detectable_difference_is_found_four_times_in_five():
    rng = np.random.default_rng(6)
    se = 1 / np.sqrt(30)
    size = detectable_difference(se, 30)
    found = stats.ttest_1samp(rng.normal(size, 1, (4000, 30)), 0, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.03)
    assert np.isnan(detectable_difference(np.inf, 1))


def test_no_p_value_is_smaller_than_the_flips_can_show():
    assert sign_flip_test(np.ones(40), np.arange(40), seed=0, draws=99) == pytest.approx(1 / 100)
