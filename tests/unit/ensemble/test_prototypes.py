"""The nearest class mean."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from ai_models.ensemble.prototypes import NearestPrototype


@pytest.mark.parametrize("k", [2, 5])
def test_it_says_what_scikit_learns_nearest_centroid_says(k: int) -> None:
    rng = np.random.default_rng(k)
    y = np.arange(40) % k
    Z = rng.normal(size=(40, 6)) + 0.8 * rng.normal(size=(k, 6))[y]
    new = rng.normal(size=(200, 6))
    ours = NearestPrototype().fit(Z, y)
    np.testing.assert_array_equal(ours.predict(new), NearestCentroid().fit(Z, y).predict(new))


def test_margins_are_negative_squared_distances_up_to_a_constant() -> None:
    rng = np.random.default_rng(0)
    y, Z, new = np.arange(30) % 3, rng.normal(size=(30, 4)), rng.normal(size=(7, 4))
    ours = NearestPrototype().fit(Z, y)
    distance = ((new[:, None] - ours.prototypes_) ** 2).sum(axis=2)
    margins = ours.decision_function(new)
    np.testing.assert_allclose(np.diff(margins, axis=1), -np.diff(distance, axis=1), atol=1e-12)


def test_of_two_classes_the_margin_is_one_number_for_the_second() -> None:
    model = NearestPrototype().fit(np.array([[0.0], [2.0]]), ["a", "b"])
    assert model.decision_function(np.array([[0.5], [1.5]])).tolist() == [-2.0, 2.0]
    assert model.predict(np.array([[0.5], [1.5]])).tolist() == ["a", "b"]
