"""Confident learning against cleanlab and against counting."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ai_models.metrics import (
    chance_of_at_least,
    class_thresholds,
    confident_classes,
    doubted_labels,
    label_margins,
)


def noisy(n: int, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return given labels, some wrong, and probabilities that lean to the true ones."""
    rng = np.random.default_rng(seed)
    true = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
    p = rng.dirichlet(np.ones(k), n) + 1.5 * np.eye(k)[true] * rng.random((n, 1))
    y = np.where(rng.random(n) < 0.15, rng.integers(0, k, n), true)
    return y, p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("k", "seed"), [(2, 0), (2, 1), (3, 2), (6, 3), (6, 4)])
def test_agrees_with_cleanlab(k, seed):
    filters, rank, count = (pytest.importorskip(f"cleanlab.{name}") for name in ("filter", "rank", "count"))
    y, p = noisy(300, k, seed)
    np.testing.assert_allclose(class_thresholds(y, p), count.get_confident_thresholds(y, p), atol=2e-6)
    np.testing.assert_allclose((label_margins(y, p) + 1) / 2, rank.get_normalized_margin_for_each_label(y, p))
    theirs = filters.find_label_issues(y, p, filter_by="confident_learning", n_jobs=1)
    ours, _ = doubted_labels(y, p)
    # where several classes reach their threshold cleanlab takes the likeliest of all, not of these
    reached = p >= class_thresholds(y, p)
    alike = reached[np.arange(len(y)), p.argmax(axis=1)] | (reached.sum(axis=1) < 2)
    assert ours.sum() > 5
    np.testing.assert_array_equal(ours[alike], theirs[alike])
    assert alike.mean() > 0.9


def test_by_hand():
    p = np.array([[0.9, 0.1, 0.0], [0.7, 0.3, 0.0], [0.1, 0.9, 0.0], [0.85, 0.15, 0.0], [0.45, 0.55, 0.0]])
    y = np.array([0, 0, 1, 1, 1])
    np.testing.assert_allclose(class_thresholds(y, p), [0.8, (0.9 + 0.15 + 0.55) / 3, np.inf])
    assert confident_classes(p, class_thresholds(y, p)).tolist() == [0, -1, 1, 0, 1]
    doubted, chances = doubted_labels(y, p)
    assert doubted.tolist() == [False, False, False, True, False]
    np.testing.assert_allclose(chances, [0.1, 0.0, 0.1, 0.15, 0.45])
    np.testing.assert_allclose(label_margins(y, p), [0.8, 0.4, 0.8, -0.7, 0.1])


def test_chances_are_how_often_right_labels_are_doubted():
    """Labels drawn from the probabilities: the mean of the doubted is the sum of the chances."""
    _, p = noisy(400, 4, 7)
    rng = np.random.default_rng(0)
    counts, expected = [], []
    for _ in range(200):
        y = np.minimum((rng.random((400, 1)) > np.cumsum(p, axis=1)).sum(axis=1), 3)
        doubted, chances = doubted_labels(y, p)
        counts.append(doubted.sum())
        expected.append(chances.sum())
    assert np.mean(counts) == pytest.approx(np.mean(expected), rel=0.03)


def test_tail_by_counting_every_outcome():
    chances = np.array([0.2, 0.0, 0.7, 0.5])
    exact = np.zeros(5)
    for happened in itertools.product((0, 1), repeat=4):
        weight = np.prod([c if h else 1 - c for c, h in zip(chances, happened, strict=True)])
        exact[: sum(happened) + 1] += weight
    np.testing.assert_allclose(chance_of_at_least(chances), exact, atol=1e-15)
    np.testing.assert_allclose(chance_of_at_least(np.zeros(2)), [1, 0, 0])


def test_the_likeliest_class_is_never_doubted():
    """Class 1 is seen with confidence, for its threshold is low, and yet the label is the likelier."""
    p = np.array([[0.95, 0.05], [0.55, 0.45], [0.6, 0.4], [0.7, 0.3]])
    y = np.array([0, 0, 1, 1])
    assert confident_classes(p, class_thresholds(y, p)).tolist() == [0, 1, 1, -1]
    doubted, chances = doubted_labels(y, p)
    assert doubted.tolist() == [False, False, False, False]
    np.testing.assert_allclose(chances, [0.05, 0, 0, 0], atol=1e-12)
