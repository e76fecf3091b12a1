"""Outliers inside a class, against brute force."""

from __future__ import annotations

import numpy as np

from ai_models.evaluation import class_outliers as module
from ai_models.evaluation.class_outliers import class_outliers


def crowd(objects: int, photographs: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    owner = rng.permutation(np.repeat(np.arange(objects), photographs))
    X = np.eye(1, 12)[0] * 3 + rng.standard_normal((objects, 12))[owner] + 0.1 * rng.standard_normal((len(owner), 12))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32), owner


def test_equals_brute_force_in_any_batch(monkeypatch):
    X, owner = crowd(14, 3)
    y = np.arange(14) % 2
    expected = np.zeros(14)
    for o in range(14):
        scores = []
        for i in np.flatnonzero(owner == o):
            others = [q for q in range(14) if q != o and y[q] == y[o]]
            near = sorted(min(1 - float(X[i] @ X[j]) for j in np.flatnonzero(owner == q)) for q in others)
            scores.append(np.mean(near[:5]))
        expected[o] = np.mean(scores)
    found = class_outliers(X, owner, y, seed=0)
    np.testing.assert_allclose(found.distances, expected, atol=1e-6)
    for label in (0, 1):
        here = expected[y == label]
        np.testing.assert_allclose(found.ratios[y == label], here / np.median(here), rtol=1e-5)
        np.testing.assert_allclose(np.sort(found.p_values[y == label]), np.arange(1, 8) / 7)
    assert not found.outside.any()  # seven objects a class are too few for a fence
    assert found.expected == 0
    monkeypatch.setattr(module, "_ROWS", 5)
    np.testing.assert_allclose(class_outliers(X, owner, y, seed=0).distances, found.distances)


def test_a_stranger_is_outside_however_often_it_was_photographed():
    X, owner = crowd(20, 2)
    stranger = np.tile(-np.eye(1, 12, 5)[0], (6, 1)).astype(np.float32)
    found = class_outliers(
        np.concatenate([X, stranger]), np.append(owner, [20] * 6), np.zeros(21, dtype=np.int64), seed=0
    )
    assert found.outside[20]
    assert found.p_values[20] == 1 / 21
    assert found.ratios[20] == found.ratios.max() > 2
    assert 0 < found.expected < 1


def test_an_object_alone_in_its_class_is_not_measured():
    X, owner = crowd(10, 1)
    found = class_outliers(X, owner, np.array([0] * 9 + [1]), seed=0)
    assert np.isnan(found.distances[9])
    assert np.isnan(found.p_values[9])
    assert not found.outside[9]


def test_expected_is_the_share_of_normal_values_beyond_their_fence():
    few, many = module._expected_beyond(10, 0), module._expected_beyond(1000, 0)
    assert abs(many - 3.49) < 0.01
    rng = np.random.default_rng(3)
    draws = [module._beyond(rng.standard_normal(10)).sum() for _ in range(3000)]
    assert abs(few - np.mean(draws)) < 0.04
