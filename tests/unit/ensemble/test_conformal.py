"""P-values against a closed form, and by what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from ai_models.ensemble.conformal import ConformalReference, coverage_to_expect, groups_needed


def test_p_value_by_hand() -> None:
    # group a: scores 1 and 3, group b: 2; for s = 2: a has half of its images at or above, b all
    reference = ConformalReference().fit([1.0, 3.0, 2.0], ["a", "a", "b"])
    assert reference.p_value([0.0, 2.0, 2.5, 9.0]) == pytest.approx([3 / 3, 2.5 / 3, 1.5 / 3, 1 / 3])


def test_p_values_of_exchangeable_objects_are_valid() -> None:
    rng = np.random.default_rng(0)
    alarms = []
    for _ in range(300):
        scores = rng.normal(size=40)
        p = ConformalReference().fit(scores[:39], np.arange(39)).p_value(scores[39:])
        alarms.append(p[0] <= 0.1)
    # 39 reference objects: p <= 0.1 has a probability of exactly 4/40
    assert 0.05 <= np.mean(alarms) <= 0.15


def test_repeating_an_image_does_not_change_the_reference() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(size=20)
    once = ConformalReference().fit(scores, np.arange(20))
    often = ConformalReference().fit(np.repeat(scores, 7), np.repeat(np.arange(20), 7))
    new = rng.normal(size=50)
    assert often.p_value(new) == pytest.approx(once.p_value(new))


@pytest.mark.parametrize(("coverage", "needed"), [(0.9, 9), (0.95, 19), (0.8, 4), (0.5, 1)])
def test_objects_needed(coverage: float, needed: int) -> None:
    assert groups_needed(coverage) == needed
    assert coverage_to_expect(needed - 1, coverage) == (1.0, 1.0, 1.0, 0.95)
    assert coverage_to_expect(needed, coverage).low < coverage < 1


def test_coverage_to_expect_is_the_beta_distribution_of_split_conformal_coverage() -> None:
    found = coverage_to_expect(30, 0.9)
    assert found[:3] == pytest.approx((28 / 31, *beta(28, 3).ppf([0.025, 0.975])))
    rng = np.random.default_rng(3)  # coverage of one calibration = probability below its 28th smallest of 30 scores
    coverages = np.sort(rng.random((4000, 30)), axis=1)[:, 27]
    assert np.quantile(coverages, [0.025, 0.975]) == pytest.approx(found[1:3], abs=0.01)


def test_empty_or_broken_references_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        ConformalReference().fit([], [])
    with pytest.raises(ValueError, match="finite"):
        ConformalReference().fit([np.nan], ["a"])


def test_scores_that_differ_by_rounding_are_equal() -> None:
    scores = np.array([-2.5, -0.1, 0.0, 0.3, 1.7, 1.7, 40.0])
    reference = ConformalReference().fit(scores, np.arange(7))
    for wobble in (1e-13, -1e-13):
        np.testing.assert_array_equal(reference.p_value(scores * (1 + wobble)), reference.p_value(scores))
    assert (reference.p_value(scores[[0, 1, 3, 4, 6]] + 1e-6) < reference.p_value(scores[[0, 1, 3, 4, 6]])).all()
