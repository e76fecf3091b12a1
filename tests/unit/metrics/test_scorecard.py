"""The scorecard: estimates against scikit-learn, intervals against what they are made of."""

import numpy as np
import pytest
from sklearn import metrics as sk

from ai_models.metrics import (
    balancing_weights,
    brier,
    brier_losses,
    clopper_pearson,
    fold_inflation,
    grouped_share,
    nll,
    nll_losses,
    scorecard,
    skewed_mean,
)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    y = np.concatenate([np.arange(3), rng.integers(0, 3, 87)])
    p = rng.dirichlet(np.ones(3), 90) + 0.7 * np.eye(3)[y]
    p /= p.sum(axis=1, keepdims=True)
    return y, p, p > 0.2, np.array([f"g{i // 2}" for i in range(90)])


@pytest.fixture(scope="module")
def card(rows):
    return scorecard(*rows, draws=300, seed=0)


def test_estimates(rows, card):
    y, p, sets, _ = rows
    said = p.argmax(axis=1)
    expected = {
        "nll": nll(y, p),
        "brier": brier(y, p),
        "accuracy": sk.accuracy_score(y, said),
        "balanced_accuracy": sk.balanced_accuracy_score(y, said),
        "f1_macro": sk.f1_score(y, said, average="macro"),
        "f1_weighted": sk.f1_score(y, said, average="weighted"),
        "set_coverage": sets[np.arange(90), y].mean(),
    }
    for name, value in expected.items():
        assert card.scalars[name].estimate == pytest.approx(value), name
        assert card.scalars[name].low < value <= card.scalars[name].high, name
    np.testing.assert_allclose([c.f1.estimate for c in card.classes], sk.f1_score(y, said, average=None))
    parts = {name: value.estimate for name, value in card.brier_parts.items()}
    assert parts["reliability"] - parts["resolution"] + parts["uncertainty"] == pytest.approx(brier(y, p))


def test_balanced_accuracy_is_a_weighted_share(rows):
    y, p, _, groups = rows
    right = p.argmax(axis=1) == y
    weights = balancing_weights(y, 3)
    assert weights.mean() == pytest.approx(1)
    assert (weights * right).mean() == pytest.approx(sk.balanced_accuracy_score(y, p.argmax(axis=1)))
    alike = grouped_share(right, groups, weights=np.full(90, 7.0))
    assert alike[:3] == pytest.approx(grouped_share(right, groups)[:3])
    three_fold = grouped_share(right, groups, weights=1.0 + 2 * (np.arange(90) % 3 == 0))
    assert three_fold.high - three_fold.low > alike.high - alike.low


def test_out_of_fold_intervals_are_wider_by_the_root_of_the_inflation(rows, card):
    assert fold_inflation(5) == 1.25
    wide = scorecard(*rows, draws=300, seed=0, folds=5)
    for name in ("nll", "brier"):
        ratio = (wide.scalars[name].high - wide.scalars[name].estimate) / (
            card.scalars[name].high - card.scalars[name].estimate
        )
        assert ratio == pytest.approx(np.sqrt(1.25)), name
    for name in ("accuracy", "balanced_accuracy"):
        ratio = np.diff(wide.scalars[name][1:3]) / np.diff(card.scalars[name][1:3])
        assert ratio[0] == pytest.approx(np.sqrt(1.25), rel=0.04), name
        assert wide.scalars[name].estimate == card.scalars[name].estimate


def test_simultaneous_intervals_are_bonferronis():
    y = np.arange(60) % 3
    found = scorecard(y, np.eye(3)[y], np.eye(3)[y] > 0, np.arange(60).astype(str), draws=100, seed=0)
    for c in found.classes:
        assert c.recall[:3] == pytest.approx(clopper_pearson(20, 20)[:3])
        assert c.simultaneous["recall"][:3] == pytest.approx(clopper_pearson(20, 20, 1 - 0.05 / 3)[:3])


def test_one_object_leaves_everything_open():
    y, p = np.array([0, 0, 0]), np.array([[0.9, 0.1]] * 3)
    found = scorecard(y, p, p > 0.5, np.array(["a"] * 3), draws=100, seed=0)
    assert np.isnan(found.scalars["nll"].low)
    assert found.scalars["accuracy"].low < 0.05


def test_losses_reach_as_far_as_their_skewness_says(rows, card):
    y, p, _, groups = rows
    for name, losses in (("nll", nll_losses(y, p)), ("brier", brier_losses(y, p))):
        allowed = skewed_mean(losses, groups)
        assert card.scalars[name].low <= allowed.low, name
        assert card.scalars[name].high >= allowed.high, name
