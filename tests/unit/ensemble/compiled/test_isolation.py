"""Flat isolation forests score as scikit-learn's."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import IsolationForest

from ai_models.ensemble.compiled import IsolationForests


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    sizes=st.lists(st.integers(2, 300), min_size=1, max_size=3),
    d=st.integers(1, 5),
    levels=st.sampled_from([1, 3, 1000]),
)
def test_scores_are_those_of_scikit_learn(seed, sizes, d, levels):
    rng = np.random.default_rng(seed)
    known = [(rng.integers(0, levels, (n, d)) / 7).astype(np.float32) for n in sizes]
    forests = [IsolationForest(n_estimators=5 + i, random_state=seed % 1000).fit(rows) for i, rows in enumerate(known)]
    rows = np.concatenate([*known, rng.normal(size=(70, d)).astype(np.float32)])
    got = IsolationForests(forests).scores(rows)
    assert got.shape == (len(forests), len(rows))
    np.testing.assert_allclose(got, [-forest.score_samples(rows) for forest in forests], rtol=1e-12)
    np.testing.assert_array_equal(IsolationForests(forests).scores(rows[:1]), got[:, :1])


def test_a_forest_of_a_single_row_cannot_tell():
    rows = np.ones((1, 2), dtype=np.float32)
    forest = IsolationForest(n_estimators=3, random_state=0).fit(rows)
    np.testing.assert_allclose(IsolationForests([forest]).scores(rows)[0], -forest.score_samples(rows))
