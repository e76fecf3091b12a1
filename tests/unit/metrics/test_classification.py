"""Figures against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sk

from ai_models.metrics import classification as m

K = 5


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    y = rng.integers(0, K, 200)
    p = rng.dirichlet(np.ones(K), 200)
    p[np.arange(200), y] += 0.4
    return y, p / p.sum(1, keepdims=True)


def test_equal_to_sklearn(rows):
    y, p = rows
    predicted = p.argmax(1)
    assert (m.confusion_matrix(y, predicted, K) == sk.confusion_matrix(y, predicted)).all()
    precision, recall, f1, support = sk.precision_recall_fscore_support(y, predicted)
    mine = m.per_class(y, predicted, K)
    for a, b in zip(mine, (precision, recall, f1, support), strict=True):
        np.testing.assert_allclose(a, b)
    assert m.accuracy(y, predicted) == pytest.approx(sk.accuracy_score(y, predicted))
    assert m.balanced_accuracy(y, predicted, K) == pytest.approx(sk.balanced_accuracy_score(y, predicted))
    assert m.f1_macro(y, predicted, K) == pytest.approx(sk.f1_score(y, predicted, average="macro"))
    assert m.f1_weighted(y, predicted, K) == pytest.approx(sk.f1_score(y, predicted, average="weighted"))
    for top in (1, 2, 3):
        assert m.top_k_accuracy(y, p, top) == pytest.approx(sk.top_k_accuracy_score(y, p, k=top))


def test_absent_classes():
    y, predicted = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1])
    figures = m.per_class(y, predicted, 4)
    np.testing.assert_allclose(figures.recall, [0.5, 1, np.nan, np.nan])
    np.testing.assert_allclose(figures.precision, [1, 1, 0, np.nan])
    np.testing.assert_allclose(figures.f1, [2 / 3, 1, 0, np.nan])
    assert m.balanced_accuracy(y, predicted, 4) == pytest.approx(0.75)
    assert m.f1_macro(y, predicted, 4) == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_equal_probabilities_are_ranked_as_argmax_does():
    p = np.full((3, 3), 1 / 3)
    assert m.top_k_accuracy(np.array([0, 1, 2]), p, 1) == pytest.approx(1 / 3)
    assert m.top_k_accuracy(np.array([0, 1, 2]), p, 2) == pytest.approx(2 / 3)
    assert m.top_k_accuracy(np.array([0, 1, 2]), p, 9) == 1


def test_no_rows_is_nan():
    y, p = np.empty(0, np.int64), np.empty((0, 3))
    values = [m.accuracy(y, y), m.balanced_accuracy(y, y, 3), m.f1_macro(y, y, 3), m.f1_weighted(y, y, 3)]
    assert np.isnan([*values, m.top_k_accuracy(y, p, 1)]).all()
