"""Flat trees say what scikit-learn's trees say, also where a value lies exactly on a threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from ai_models.ensemble.compiled import FlatTrees, Nodes


def _forest(seed: int, kind, n: int, d: int, k: int, levels: int, **params):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, levels, (n, d)) / 3.0  # few distinct values: rows that repeat, thresholds that are met
    return rng, kind(n_estimators=7, random_state=seed % 1000, **params).fit(X, rng.integers(0, k, n)), X


def _expected(forest, rows):
    return np.stack([tree.apply(rows.astype(np.float32)) for tree in forest.estimators_], axis=1)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    kind=st.sampled_from([RandomForestClassifier, ExtraTreesClassifier]),
    n=st.integers(2, 60),
    d=st.integers(1, 6),
    k=st.integers(1, 4),
    levels=st.integers(1, 9),
    rows=st.integers(1, 150),
    depth=st.sampled_from([None, 1, 3]),
)
def test_every_row_reaches_the_leaf_of_scikit_learn(seed, kind, n, d, k, levels, rows, depth):
    rng, forest, X = _forest(seed, kind, n, d, k, levels, max_depth=depth)
    trees = FlatTrees([Nodes.of(e.tree_) for e in forest.estimators_])
    thresholds = np.concatenate([e.tree_.threshold for e in forest.estimators_])
    seen = rng.choice(np.concatenate([thresholds, X.ravel(), [-1e30, 1e30]]), (rows, d)).astype(np.float32)
    around = np.nextafter(seen, np.float32(np.inf) * rng.choice([-1, 1], seen.shape).astype(np.float32))
    for given_rows in (seen, around.astype(np.float32), X.astype(np.float32)):
        got = trees.leaves(given_rows) - trees.offsets
        np.testing.assert_array_equal(got, _expected(forest, given_rows))


def test_a_threshold_between_two_float32_is_met_in_the_precision_that_is_given():
    nodes = Nodes(np.array([0, 0, 0]), np.array([0.1, 0, 0]), np.array([1, -1, -1]), np.array([2, -1, -1]))
    above = np.float32(0.1)  # the float32 nearest to 0.1 lies above it
    assert float(above) > 0.1
    assert FlatTrees([nodes]).leaves(np.array([[above]])).tolist() == [[2]]
    assert FlatTrees([nodes]).leaves(np.array([[0.1]])).tolist() == [[1]]


def test_features_are_renamed_to_the_columns_of_a_wider_matrix():
    rng, forest, X = _forest(3, RandomForestClassifier, 40, 3, 3, 9)
    wide = rng.normal(size=(40, 8))
    columns = np.array([6, 1, 4])
    wide[:, columns] = X
    trees = FlatTrees([Nodes.of(e.tree_, columns) for e in forest.estimators_])
    np.testing.assert_array_equal(trees.leaves(wide.astype(np.float32)) - trees.offsets, _expected(forest, X))


def test_depths_are_those_of_scikit_learn():
    _, forest, _ = _forest(5, RandomForestClassifier, 60, 4, 3, 9)
    for estimator in forest.estimators_:
        np.testing.assert_array_equal(Nodes.of(estimator.tree_).depths() + 1, estimator.tree_.compute_node_depths())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(value):
    _, forest, X = _forest(1, RandomForestClassifier, 20, 2, 2, 9)
    X = X.astype(np.float32)
    X[3, 1] = value
    with pytest.raises(ValueError, match="rows must be finite, got NaN or infinity"):
        FlatTrees([Nodes.of(e.tree_) for e in forest.estimators_]).leaves(X)


def test_no_rows_reach_no_leaves():
    _, forest, X = _forest(1, RandomForestClassifier, 20, 2, 2, 9)
    assert FlatTrees([Nodes.of(e.tree_) for e in forest.estimators_]).leaves(X[:0]).shape == (0, 7)
