"""Intervals against SciPy, and their coverage by simulation."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import betainc

from ai_models.metrics import (
    Interval,
    accuracy,
    clopper_pearson,
    group_draws,
    grouped_bootstrap,
    grouped_share,
    square_and_add,
    wilson,
)
from ai_models.metrics.special import beta_cdf, beta_quantile, binomial_quantile, student_quantile


@pytest.mark.parametrize(("x", "n"), [(0, 5), (5, 5), (1, 30), (17, 30), (499, 500), (2500, 9000)])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_share_intervals_equal_scipy(x, n, level):
    test = stats.binomtest(x, n)
    for mine, method in ((clopper_pearson, "exact"), (wilson, "wilson")):
        theirs = test.proportion_ci(level, method)
        got = mine(x, n, level)
        assert (got.low, got.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
        assert got.estimate == pytest.approx(x / n)


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (2, 9), (300, 4.5), (0.5, 120), (4000, 6000)])
def test_beta_equal_scipy(a, b):
    for x in (0.001, 0.1, 0.4, 0.5, 0.9, 0.9999):
        assert beta_cdf(x, a, b) == pytest.approx(betainc(a, b, x), rel=1e-9, abs=1e-280)
    for q in (0.001, 0.025, 0.5, 0.975):
        assert beta_quantile(q, a, b) == pytest.approx(stats.beta.ppf(q, a, b), rel=1e-8, abs=1e-200)


@pytest.mark.parametrize(("n", "p"), [(1, 0.9), (7, 0.2), (60, 0.95), (500, 1.0), (12, 0.0)])
def test_binomial_quantile_equal_scipy(n, p):
    for q in (0.025, 0.5, 0.975):
        assert binomial_quantile(q, n, p) == stats.binom.ppf(q, n, p)


def test_student_equal_scipy():
    for df in (1, 2, 9.5, 400):
        assert student_quantile(0.975, df) == pytest.approx(stats.t.ppf(0.975, df), rel=1e-8)
    assert student_quantile(0.5, 3) == 0


def test_draws_hold_whole_groups():
    groups = np.array(["b", "a", "b", "c", "a", "a"])
    for rows in group_draws(groups, draws=50, seed=1):
        drawn = {g: sum(groups[rows] == g) for g in "abc"}
        assert drawn["a"] % 3 == 0
        assert drawn["b"] % 2 == 0
        assert drawn["a"] / 3 + drawn["b"] / 2 + drawn["c"] == 3
        assert set(rows[groups[rows] == "b"]) <= {0, 2}


def test_draws_depend_on_seed_and_not_on_names():
    def flat(groups, seed):
        return [rows.tolist() for rows in group_draws(groups, draws=5, seed=seed)]

    assert flat([1, 1, 2, 3], 0) == flat(["z", "z", "b", "c"], 0)
    assert flat([1, 1, 2, 3], 0) != flat([1, 1, 2, 3], 7)


def test_bootstrap_is_as_wide_as_the_theory_says():
    """60 groups of 4 equal rows count as 60 rows, not as 240."""
    hit = np.repeat(np.arange(60) < 40, 4)
    groups = np.repeat(np.arange(60), 4)
    got = grouped_bootstrap(lambda rows: hit[rows].mean(), groups, draws=2000, seed=0)
    se = np.sqrt(2 / 3 * 1 / 3 / 60)
    assert got.estimate == pytest.approx(2 / 3)
    assert got.high - got.low == pytest.approx(2 * 1.96 * se, rel=0.1)


@pytest.mark.parametrize("size", [1, 5])
def test_coverage(size):
    """Intervals of a share over groups whose rows agree: the bootstrap covers near its level, the exact one above."""
    rng = np.random.default_rng(size)
    covered = np.zeros(2)
    runs = 120
    groups = np.repeat(np.arange(40), size)
    for run in range(runs):
        hit = np.repeat(rng.random(40) < 0.7, size)
        boot = grouped_bootstrap(lambda rows, hit=hit: hit[rows].mean(), groups, draws=200, seed=run)
        exact = grouped_share(hit, groups)
        covered += [boot.low <= 0.7 <= boot.high, exact.low <= 0.7 <= exact.high]
    assert 0.88 <= covered[0] / runs <= 0.99
    assert covered[1] / runs >= 0.93


def test_nan_draws_are_left_out():
    values = np.array([np.nan, 1.0, 2.0, 3.0])
    some = grouped_bootstrap(lambda rows: values[rows[0]], np.arange(4), draws=400, seed=0)
    assert 1 <= some.low <= some.high <= 3
    most = grouped_bootstrap(lambda rows: values[0] if len(set(rows)) < 4 else 1.0, np.arange(4), draws=400, seed=0)
    assert np.isnan([most.low, most.high]).all()
    none = grouped_bootstrap(lambda rows: accuracy(rows, rows), np.empty(0), draws=10, seed=0)
    assert np.isnan(none[:3]).all()


def test_grouped_share_of_single_rows_is_clopper_pearson():
    hit = np.arange(30) < 20
    alone, exact = grouped_share(hit, np.arange(30)), clopper_pearson(20, 30)
    assert alone.low == pytest.approx(exact.low, abs=0.006)
    assert alone.high == pytest.approx(exact.high, abs=0.006)


def test_grouped_share_has_width_where_all_rows_agree():
    got = grouped_share(np.ones(40), np.repeat(np.arange(10), 4))
    assert got[:3] == pytest.approx(clopper_pearson(10, 10)[:3])
    assert grouped_share(np.array([True, False]), np.array([0, 0])).high > 0.95
    assert np.isnan(grouped_share([], []).estimate)


def test_square_and_add_is_the_normal_theory_for_symmetric_parts():
    parts = [Interval(0.5, 0.4, 0.6), Interval(0.7, 0.6, 0.8), Interval(np.nan, 0, 1)]
    mean = square_and_add(parts)
    assert mean[:3] == pytest.approx((0.6, 0.6 - 0.1 / np.sqrt(2), 0.6 + 0.1 / np.sqrt(2)))
    assert square_and_add(parts[:2], [1, 1]).estimate == pytest.approx(1.2)
    assert np.isnan(square_and_add(parts[2:]).estimate)


def test_hull():
    assert Interval(0.5, 0.4, 0.6).hull(Interval(0.9, np.nan, 0.7))[:3] == (0.5, 0.4, 0.7)


def test_stretched_and_within():
    assert Interval(0.9, 0.8, 0.95).stretched(2)[:3] == pytest.approx((0.9, 0.7, 1.0))
    assert Interval(0.9, 0.8, 0.95).stretched(3).within(0, 1)[:3] == pytest.approx((0.9, 0.6, 1.0))
    assert np.isnan(Interval(0.9, np.nan, np.nan).stretched(2).within(0, 1).low)
    assert str(Interval(0.9, 0.8, 0.95)) == "0.900 [0.800, 0.950]"
    assert (str(Interval(np.nan, 0, 1)), str(Interval(0.9, np.nan, np.nan))) == ("–", "0.900 [no interval]")


def test_bootstrap_of_few_groups_is_as_wide_as_student_says():
    """Mean of 8 normal values: the expanded percentile interval has the length of the t interval."""
    rng = np.random.default_rng(0)
    ratios = []
    for run in range(40):
        x = rng.normal(size=8)
        got = grouped_bootstrap(lambda rows, x=x: x[rows].mean(), np.arange(8), draws=2000, seed=run)
        low, high = stats.t.interval(0.95, 7, x.mean(), stats.sem(x))
        ratios.append((got.high - got.low) / (high - low))
    assert np.mean(ratios) == pytest.approx(1, abs=0.06)
    one = grouped_bootstrap(lambda rows: float(len(rows)), ["a", "a"], draws=100, seed=0)
    assert np.isnan([one.low, one.high]).all()
