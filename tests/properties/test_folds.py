"""Laws of a split: a partition, groups whole, every class everywhere, independent of order."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from ai_models.core.errors import SplitRefusedError
from ai_models.folds import assign_folds, assign_holdout, distortion, largest_k, spread, unevenness


@st.composite
def problems(draw):
    n = draw(st.integers(4, 60))
    groups = draw(st.lists(st.integers(0, 25), min_size=n, max_size=n))
    classes = draw(st.integers(2, 4))
    mixed = draw(st.booleans())
    labels = [(draw(st.integers(0, classes - 1)) if mixed else g % classes) for g in groups]
    return np.array([f"c{v}" for v in labels]), np.array([f"g{v}" for v in groups])


@settings(max_examples=80, deadline=None)
@given(problems(), st.integers(2, 5), st.integers(0, 3))
def test_folds_are_a_grouped_partition_with_every_class(problem, k, seed):
    labels, groups = problem
    if largest_k(labels, groups) < k:
        return
    folds = assign_folds(labels, groups, k, seed=seed)
    assert folds.dtype == np.int64
    assert set(folds.tolist()) == set(range(k))
    assert all(len(set(folds[groups == g].tolist())) == 1 for g in set(groups))
    assert all(set(labels[folds == f]) == set(labels) for f in range(k))
    order = np.random.default_rng(seed).permutation(len(labels))
    assert (assign_folds(labels[order], groups[order], k, seed=seed) == folds[order]).all()
    assert (assign_folds(labels, groups, k, seed=seed) == folds).all()


@settings(max_examples=80, deadline=None)
@given(problems(), st.integers(2, 6))
def test_a_class_with_too_few_groups_is_always_refused(problem, k):
    labels, groups = problem
    scarcest = min(len(set(groups[labels == c])) for c in set(labels))
    assume(scarcest < k)
    with pytest.raises(SplitRefusedError):
        assign_folds(labels, groups, k, seed=0)


@settings(max_examples=80, deadline=None)
@given(problems(), st.floats(0.05, 0.95), st.integers(0, 3))
def test_a_holdout_keeps_groups_whole_and_classes_on_both_sides(problem, share, seed):
    labels, groups = problem
    if largest_k(labels, groups) < 2:
        return
    out = assign_holdout(labels, groups, share, seed=seed)
    assert all(len(set(out[groups == g].tolist())) == 1 for g in set(groups))
    assert set(labels[out]) == set(labels[~out]) == set(labels)
    order = np.random.default_rng(seed).permutation(len(labels))
    assert (assign_holdout(labels[order], groups[order], share, seed=seed) == out[order]).all()


@settings(max_examples=80, deadline=None)
@given(problems(), st.integers(2, 5), st.integers(0, 3))
def test_no_error_of_stratification_is_above_scikit_learns(problem, k, seed):
    labels, groups = problem
    assume(largest_k(labels, groups) >= k)
    other = np.empty(len(labels), dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for f, (_, test) in enumerate(StratifiedGroupKFold(k).split(labels, labels, groups)):
            other[test] = f
    theirs, ours = (
        np.array([[np.sum((folds == f) & (labels == c)) for c in np.unique(labels)] for f in range(k)], dtype=float)
        for folds in (other, assign_folds(labels, groups, k, seed=seed))
    )
    assume(theirs.all())
    for error in (distortion, spread, unevenness):
        assert error(ours) <= error(theirs) + 1e-9
