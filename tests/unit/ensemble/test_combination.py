"""Weights and temperature against closed forms and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss

from ai_models.ensemble.combination import (
    Combination,
    blended,
    fit_scale,
    fit_weights,
    pool,
    row_losses,
    softmax,
)
from ai_models.ensemble.members import MemberSpec

RNG = np.random.default_rng(0)
N, K = 400, 3
Y = RNG.integers(0, K, N)
TRUE = np.eye(K)[Y] * 2.0 + RNG.normal(size=(N, K))
"""The log-odds of a model that is right by construction: unit noise, means 2 apart, hence logits of 2 x."""
GOOD, NOISE, SECOND = MemberSpec("logistic", ("cnn",)), MemberSpec("svm", ("hog",)), MemberSpec("lda", ("cnn",))


def test_row_losses_equal_scikit_learn() -> None:
    assert row_losses(TRUE, Y).mean() == pytest.approx(log_loss(Y, softmax(TRUE)))


def test_one_member_gets_the_temperature_of_a_grid_search() -> None:
    weight = fit_weights(TRUE[None] * 5, Y)[0]
    grid = np.linspace(0.01, 2, 2000)
    target = np.eye(K)[Y] * (1 - 1 / (N + 2)) + 1 / (N + 2) / K
    counts = np.bincount(Y)[Y][:, None]  # each class counts the same
    best = grid[np.argmin([-(target * np.log(softmax(w * TRUE * 5)) / counts).sum() for w in grid])]
    assert weight == pytest.approx(best, abs=0.002)


def test_temperature_recovers_the_true_scale() -> None:
    # class means 2 apart under unit noise have the log-odds 2 x
    assert fit_weights(TRUE[None], Y)[0] == pytest.approx(2.0, abs=0.25)


@pytest.mark.parametrize("size", [1e-3, 1.0, 300.0])
def test_newtons_scale_is_that_of_the_general_fit(size: float) -> None:
    balanced = np.concatenate([np.flatnonzero(c == Y)[:100] for c in range(K)])  # where both weigh rows alike
    general = fit_weights(TRUE[None, balanced], Y[balanced])[0]
    assert fit_scale(TRUE[balanced] * size, Y[balanced]) * size == pytest.approx(general, rel=1e-3)
    assert fit_scale(-TRUE * size, Y) * size == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("n", [10, 100])
def test_n_rows_that_are_all_right_do_not_make_certainty(n: int) -> None:
    separable = np.eye(K)[Y[:n]] - 1 / K
    expected = 1 - (1 - 1 / K) / (n + 2)  # the closed form: every row at its target
    for scale in (fit_scale(separable, Y[:n]), fit_weights(separable[None], Y[:n])[0]):
        assert softmax(scale * separable).max(axis=1) == pytest.approx(np.full(n, expected), abs=1e-4)


def test_noise_gets_next_to_nothing_and_weights_sum_to_one() -> None:
    noise = RNG.normal(size=(N, K))
    found = pool({GOOD: TRUE, NOISE: noise}, Y)
    weight = dict(zip(found.members, found.weights, strict=True))
    assert sum(found.weights) == pytest.approx(1.0)
    assert min(found.weights) >= 0
    assert weight[GOOD] > 5 * weight.get(NOISE, 0.0)


def test_worthless_members_give_equal_odds() -> None:
    against = {GOOD: -TRUE * 50}
    p = softmax(pool(against, Y).logits(against))
    assert p == pytest.approx(np.full((N, K), 1 / K), abs=1e-3)


def test_the_better_setting_of_a_family_is_taken() -> None:
    weak = MemberSpec("logistic", ("cnn",), 0, (("C", 1.0),))
    strong = MemberSpec("logistic", ("cnn",), 0, (("C", 10.0),))
    found = pool({weak: RNG.normal(size=(N, K)), strong: TRUE}, Y)
    assert found.members == (strong,)


def test_permuting_classes_permutes_columns() -> None:
    order = np.array([2, 0, 1])
    oof = {GOOD: TRUE, SECOND: TRUE + RNG.normal(size=(N, K))}
    plain = pool(oof, Y)
    permuted = pool({m: v[:, order] for m, v in oof.items()}, np.argsort(order)[Y])
    assert permuted.weights == pytest.approx(plain.weights, abs=1e-3)


def test_combination_is_the_weighted_sum_over_the_temperature() -> None:
    vote = Combination((GOOD, NOISE), (0.75, 0.25), 0.5)
    assert vote.logits({GOOD: np.array([[1.0, 0.0]]), NOISE: np.array([[0.0, 2.0]])}).tolist() == [[1.5, 1.0]]


@pytest.mark.parametrize("trust", [0.0, 0.3, 1.0])
def test_a_blend_is_the_weighted_sum_of_vote_and_plain(trust: float) -> None:
    second = TRUE + RNG.normal(size=(N, K))
    oof = {GOOD: TRUE, SECOND: second}
    vote = pool(oof, Y)
    for plain in (GOOD, NOISE):  # a member of the vote, and one that is not
        logits = {**oof, NOISE: RNG.normal(size=(N, K))}
        mixed = blended(vote, plain, trust, logits, 2.0)
        expected = (trust * vote.logits(logits) + (1 - trust) * logits[plain]) / 2.0
        np.testing.assert_allclose(mixed.logits(logits), expected, atol=1e-9)
        assert sum(mixed.weights) == pytest.approx(1.0)
        assert sum(mixed.shares) == pytest.approx(1.0)
