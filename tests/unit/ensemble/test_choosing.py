"""Parts that earn their place, and how far the vote is trusted over the baseline."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from ai_models.ensemble.choosing import CrossFittedVote, choose, trust
from ai_models.ensemble.combination import row_losses
from ai_models.ensemble.members import MemberSpec
from ai_models.metrics.paired import PairedDifference

N, K = 400, 3
RNG = np.random.default_rng(0)
Y = RNG.integers(0, K, N)
FOLDS = np.arange(N) % 5
GROUPS = np.array([f"g{i}" for i in range(N)])
PLAIN = MemberSpec("logistic", ("cnn",))
NOISE = MemberSpec("svm", ("hog",))
SECOND = MemberSpec("lda", ("sift",))


def informative(seed: int, signal: float = 2.0) -> np.ndarray:
    """Log-odds of a model that is right by construction: unit noise, class means `signal` apart."""
    return signal * (np.eye(K)[Y] * signal + np.random.default_rng(seed).normal(size=(N, K)))


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(N, K))


def test_weights_of_a_fold_do_not_see_it() -> None:
    oof = {PLAIN: informative(1), NOISE: noise(2)}
    before = CrossFittedVote(oof, Y, FOLDS).logits(lambda _: True)
    changed = np.where(FOLDS == 2, (Y + 1) % K, Y)  # other labels inside fold 2 must not move its own logits
    after = CrossFittedVote(oof, changed, FOLDS).logits(lambda _: True)
    assert (before[FOLDS == 2] == after[FOLDS == 2]).all()
    assert (before[FOLDS != 2] != after[FOLDS != 2]).any()


def test_a_vote_that_is_surely_better_is_taken_alone() -> None:
    found = choose({PLAIN: informative(1), SECOND: informative(5)}, Y, GROUPS, FOLDS, plain=PLAIN)
    assert found.trust == 1.0
    assert found.gain.mean > 2 * found.gain.se > 0
    assert set(found.combination.members) == {PLAIN, SECOND}


def test_noise_is_dropped_and_told() -> None:
    found = choose({PLAIN: informative(1), NOISE: noise(6)}, Y, GROUPS, FOLDS, plain=PLAIN, demanded=1.0)
    assert found.combination.members == (PLAIN,)
    told = {w.part: w for w in found.worth}
    assert not told["hog"].kept
    assert told["hog"].gain.mean <= told["hog"].gain.se
    assert told["cnn"].kept
    assert "svm" not in told  # it went with the only block that it saw


def test_the_gain_of_a_part_is_the_loss_without_it_minus_the_loss_with_it() -> None:
    oof = {PLAIN: informative(1), SECOND: informative(5)}
    found = choose(oof, Y, GROUPS, FOLDS, plain=PLAIN)
    vote = CrossFittedVote(oof, Y, FOLDS)
    together = row_losses(vote.logits(lambda _: True), Y).mean()
    alone = row_losses(vote.logits(lambda m: m == PLAIN), Y).mean()
    told = {w.part: w.gain.mean for w in found.worth}
    assert told["sift"] == pytest.approx(alone - together)


def test_more_can_be_demanded_of_a_part() -> None:
    oof = {PLAIN: informative(1), SECOND: informative(5, signal=0.6)}
    assert {w.part for w in choose(oof, Y, GROUPS, FOLDS, plain=PLAIN).worth if w.kept} >= {"cnn", "sift"}
    strict = choose(oof, Y, GROUPS, FOLDS, plain=PLAIN, demanded=3.0)
    assert {w.part for w in strict.worth if not w.kept} == {"sift"}


def test_a_vote_that_does_not_help_leaves_the_baseline_as_it_is() -> None:
    plain = informative(1)
    broken = {PLAIN: plain, SECOND: -informative(3)}
    found = choose(broken, Y, GROUPS, FOLDS, plain=PLAIN)
    assert found.trust == 0.0
    np.testing.assert_array_equal(found.oof_logits, plain)
    np.testing.assert_array_equal(found.combination.logits(broken), plain)


@pytest.mark.parametrize("z", [-3.0, -1.0, 0.5, 1.2, 3.0])
def test_trust_is_how_much_likelier_better_is_than_worse(z: float) -> None:
    expected = 1.0 if norm.cdf(z) > 0.95 else max(0.0, norm.cdf(z) - norm.cdf(-z))
    assert trust(PairedDifference(z * 0.02, 0.02, 50)) == pytest.approx(expected)


def test_a_gain_that_is_sure_but_tiny_is_not_worth_it() -> None:
    assert trust(PairedDifference(0.004, 0.0001, 50)) == 0.0
    assert trust(PairedDifference(0.006, 0.0001, 50)) == 1.0


def test_without_an_error_nothing_is_trusted() -> None:
    assert trust(PairedDifference(1.0, float("inf"), 1)) == 0.0


def test_what_is_shipped_is_what_was_cross_fitted() -> None:
    oof = {PLAIN: informative(1, 1.0), SECOND: informative(5, 0.7)}
    found = choose(oof, Y, GROUPS, FOLDS, plain=PLAIN)
    shipped = found.combination.logits(oof)
    assert np.corrcoef(shipped.ravel(), found.oof_logits.ravel())[0, 1] > 0.99
    assert found.probabilities.sum(axis=1) == pytest.approx(np.ones(N))
