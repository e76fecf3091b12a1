import numpy as np
import pytest
from scipy import stats

from ai_models.duplicates import EmpiricalNull


def folder(rng, *, spread, different, same, mean=0.7):
    return np.concatenate([np.abs(rng.normal(0, spread, different)), np.clip(rng.normal(mean, 0.12, same), 0, 1)])


@pytest.mark.parametrize(("spread", "different", "same"), [(0.05, 300, 40), (0.12, 300, 10), (0.1, 2000, 400)])
def test_both_groups_are_found(spread, different, same):
    found = EmpiricalNull.fit(folder(np.random.default_rng(1), spread=spread, different=different, same=same))
    assert found.null_spread == pytest.approx(spread, rel=0.2)
    assert found.same_share == pytest.approx(same / (same + different), abs=0.05)
    assert 2 * spread < found.threshold < 0.6


def test_alike_objects_raise_the_level():
    levels = [
        EmpiricalNull.fit(folder(np.random.default_rng(2), spread=spread, different=400, same=20)).threshold
        for spread in (0.03, 0.08, 0.12)
    ]
    assert levels == sorted(levels)
    assert levels[-1] > levels[0] + 0.1


def test_different_objects_are_hardly_ever_joined():
    """Folders without a single copy: on average fewer than one of their 200 alike pairs is joined."""
    joined = 0
    for seed in range(200):
        evidence = np.abs(np.random.default_rng(seed).normal(0, 0.1, 200))
        joined += int((evidence >= EmpiricalNull.fit(evidence).threshold).sum())
    assert joined / 200 < 1.0


def test_a_folder_of_copies_alone_keeps_a_level_above_nothing():
    found = EmpiricalNull.fit(np.full(300, 0.7))
    assert 0.2 < found.threshold < 0.5


def test_without_pairs_there_is_prior_knowledge():
    found = EmpiricalNull.fit([])
    assert found.pairs == 0
    assert 0.15 < found.threshold < 0.4


def test_the_rate_is_that_of_two_normals():
    found = EmpiricalNull.fit(folder(np.random.default_rng(3), spread=0.1, different=200, same=50))
    x = 0.3
    different = (1 - found.same_share) * stats.halfnorm.pdf(x, scale=found.null_spread)
    ends = (np.array([0, 1]) - found.same_mean) / found.same_spread
    same = found.same_share * stats.truncnorm.pdf(x, *ends, loc=found.same_mean, scale=found.same_spread)
    assert found.false_discovery(x) == pytest.approx(different / (different + same), rel=1e-9)
    rates = found.false_discovery(np.linspace(0, 1, 101))
    assert (np.diff(rates) <= 1e-12).all()
