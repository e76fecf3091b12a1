"""The power law through a curve's points: closed forms, SciPy, bounds that hold what comes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

from ai_models.metrics.error_curve import FARTHEST, Shapes, fit_error_curve

SIZES = np.array([10.0, 15, 20, 30, 40, 60, 80])


def law(n, a, b, c):
    return a + b * np.asarray(n, dtype=float) ** -c


@pytest.mark.parametrize(("a", "b", "c"), [(0.05, 1.0, 0.5), (0.0, 0.8, 0.3), (0.1, 3.0, 1.0)])
def test_a_law_without_noise_is_continued(a, b, c):
    """Points on a power law: what it gives at twice the objects, within the misfit that is always allowed for."""
    curve = fit_error_curve(SIZES, law(SIZES, a, b, c), 1e-8 * np.eye(7), seed=0)
    for size in (80, 160):
        found = curve.at(size)
        assert found.estimate == pytest.approx(law(size, a, b, c), abs=0.01)
        assert found.low <= law(size, a, b, c) <= found.high
    fall = curve.fall(160)
    assert fall.low <= law(80, a, b, c) - law(160, a, b, c) <= fall.high


def test_the_middle_is_that_of_least_squares():
    rng = np.random.default_rng(3)
    errors = law(SIZES, 0.08, 1.2, 0.6) + 0.01 * rng.standard_normal(7)
    fitted, _ = curve_fit(law, SIZES, errors, p0=(0.05, 1, 0.5), bounds=([0, 0, 0.2], [1, 10, 1.6]))
    curve = fit_error_curve(SIZES, errors, 1e-4 * np.eye(7), seed=0)
    assert curve.at(80).estimate == pytest.approx(law(80, *fitted), abs=0.01)
    assert curve.at(160).estimate == pytest.approx(law(160, *fitted), abs=0.02)


def test_bounds_hold_the_truth_and_widen_with_distance():
    """Noise that moves all points together, as when the same photographs are scored at each size."""
    truth, held = law(160, 0.08, 1.2, 0.6), 0
    covariance = 0.02**2 + 0.01**2 * np.eye(7)
    noise = np.random.default_rng(0).multivariate_normal(np.zeros(7), covariance, 200)
    for row in noise:
        found = fit_error_curve(SIZES, law(SIZES, 0.08, 1.2, 0.6) + row, covariance, seed=0)
        interval = found.at(160)
        held += interval.low <= truth <= interval.high
        widths = [found.fall(n).high - found.fall(n).low for n in (80, 120, 160, 320)]
        assert widths == sorted(widths)
    assert held >= 184  # 95 % less 2 standard errors of 200 is 184


def test_what_moves_together_leaves_the_shape_known():
    errors = law(SIZES, 0.08, 1.2, 0.6)
    together = fit_error_curve(SIZES, errors, 0.05**2 + 1e-6 * np.eye(7), seed=0).fall(160)
    apart = fit_error_curve(SIZES, errors, 0.05**2 * np.eye(7), seed=0).fall(160)
    assert together.high - together.low < apart.high - apart.low


def test_it_is_not_answered_far_beyond_the_points():
    curve = fit_error_curve(SIZES, law(SIZES, 0, 1, 0.5), 1e-4 * np.eye(7), seed=0)
    curve.at(80 * FARTHEST)
    with pytest.raises(ValueError, match="up to 80 objects was asked for 400"):
        curve.at(400)


def test_a_class_of_few_points_follows_the_shape_of_all():
    together = fit_error_curve(SIZES, law(SIZES, 0, 2, 1.0), 1e-6 * np.eye(7), seed=0)
    few, errors, noise = np.array([5.0, 10]), np.array([0.5, 0.3]), 0.2**2 * np.eye(2)
    drawn = fit_error_curve(few, errors, noise, seed=0, shapes=together.shapes).fall(20)
    alone = fit_error_curve(few, errors, noise, seed=0).fall(20)
    assert drawn.estimate > alone.estimate  # all classes halve their error
    assert Shapes.even().weights.sum() == pytest.approx(1)


def test_one_shape_is_generalised_least_squares():
    """With the shape known the height is Gaussian: its mean and spread in closed form."""
    shape = Shapes(np.array([0.2]), np.array([0.5]), np.array([0.0]), np.ones(1))
    covariance = 0.02**2 + 0.03**2 * np.eye(7)
    errors = law(SIZES, 0.05, 1.5, 0.5)
    curve = fit_error_curve(SIZES, errors, covariance, seed=0, shapes=shape)
    f = 0.2 + 0.8 * (SIZES / 80) ** -0.5
    inverse = np.linalg.inv(covariance + 0.005**2 * np.eye(7))
    assert curve.draws(80).mean() == pytest.approx(f @ inverse @ errors / (f @ inverse @ f), abs=0.002)
    assert curve.draws(80).std() == pytest.approx((f @ inverse @ f) ** -0.5, rel=0.05)
    spread = np.hypot(curve.draws(80).std() * (0.2 + 0.8 * 4**-0.5), 2 * 0.01)  # a hundredth a doubling
    assert curve.draws(320).std() == pytest.approx(spread, rel=0.05)
    assert shape.halfway(4.0)[0] == pytest.approx(((1 + 4**-0.5) / 2) ** -2)
    assert 1 - shape.at(shape.halfway(4.0)[0])[0] == pytest.approx((1 - shape.at(4.0)[0]) / 2)
