"""The Brier score in parts: against scikit-learn's isotonic regression, on paper and by simulation."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from ai_models.metrics import brier, brier_parts, brier_parts_floor, brier_rows, isotonic_fit


def drawn(p, rng):
    return np.minimum((p.cumsum(axis=1) < rng.random((len(p), 1))).sum(axis=1), p.shape[1] - 1)


@pytest.mark.parametrize(("n", "decimals"), [(1, 9), (30, 9), (200, 1), (500, 2)], ids=["one", "few", "ties", "many"])
def test_isotonic_equals_sklearn(n, decimals):
    rng = np.random.default_rng(n)
    x = rng.random(n).round(decimals)
    y = (rng.random(n) < x).astype(float)
    np.testing.assert_allclose(isotonic_fit(x, y), IsotonicRegression().fit(x, y).predict(x), atol=1e-12)


def test_isotonic_by_hand():
    np.testing.assert_allclose(isotonic_fit(np.array([3.0, 1, 2, 2]), np.array([0.0, 1, 0, 1])), [0.5, 0.5, 0.5, 0.5])
    np.testing.assert_allclose(isotonic_fit(np.array([1.0, 2, 3]), np.array([1.0, 0, 1])), [0.5, 0.5, 1])


@pytest.mark.parametrize("k", [2, 3, 6])
def test_parts_add_up_and_none_is_negative(k):
    rng = np.random.default_rng(k)
    p = rng.dirichlet(np.ones(k), 90)
    y = rng.integers(0, k, 90)
    parts = brier_parts(y, p)
    assert parts.score == pytest.approx(brier(y, p))
    assert parts.score == pytest.approx(parts.reliability - parts.resolution + parts.uncertainty)
    assert min(parts[1:]) >= -1e-12
    share = np.bincount(y, minlength=k) / 90
    assert parts.uncertainty == pytest.approx((share * (1 - share)).sum())
    rows = brier_rows(y, p)
    assert rows.reliability.mean() == pytest.approx(parts.reliability)


def test_parts_on_paper():
    """Two classes, always .8 / .2 for the likelier, right in 3 of 4: (.8 - .75)^2 twice, and .75 * .25 twice."""
    p = np.tile([0.8, 0.2], (40, 1))
    y = np.repeat([0, 1], [30, 10])
    parts = brier_parts(y, p)
    assert parts.reliability == pytest.approx(2 * 0.05**2)
    assert parts.resolution == pytest.approx(0)
    assert parts.uncertainty == pytest.approx(2 * 0.75 * 0.25)
    sure = brier_parts(y, np.eye(2)[y])
    assert (sure.reliability, sure.resolution) == pytest.approx((0, 2 * 0.75 * 0.25))


def test_floor_is_what_calibrated_labels_show():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4) * 0.5, 60)
    seen = [brier_parts(drawn(p, rng), p).reliability for _ in range(150)]
    mean, q95 = brier_parts_floor(p, seed=0)
    assert mean == pytest.approx(np.mean(seen), rel=0.06)
    assert q95 == pytest.approx(np.quantile(seen, 0.95), rel=0.15)
    assert (mean, q95) == brier_parts_floor(p, seed=0)


def test_less_the_floor_the_truth_remains():
    """A temperature too low by half: the reliability of 100,000 rows, and the debiased one of many samples of 80."""
    rng = np.random.default_rng(1)

    def rows(n):
        z = rng.normal(size=(n, 3)) * 1.5
        q, p = (np.exp(t * z) / np.exp(t * z).sum(axis=1, keepdims=True) for t in (1.0, 2.0))
        return drawn(q, rng), p

    truth = brier_parts(*rows(100_000)).reliability
    samples = [rows(80) for _ in range(60)]
    plain = np.mean([brier_parts(y, p).reliability for y, p in samples])
    debiased = np.mean([brier_parts(y, p).reliability - brier_parts_floor(p, seed=0, draws=20)[0] for y, p in samples])
    assert plain > 1.5 * truth
    assert abs(debiased - truth) < 0.4 * (plain - truth)


def test_no_rows_is_nan():
    assert np.isnan(
        [*brier_parts(np.empty(0, int), np.empty((0, 3))), *brier_parts_floor(np.empty((0, 3)), seed=0)]
    ).all()
