"""Folds against paper answers, scikit-learn's splitter, and the clock."""

from __future__ import annotations

import importlib.util
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, cross_val_score

from ai_models.core.errors import ConfigError, DataError, SplitRefusedError
from ai_models.folds import (
    GroupedStratifiedKFold,
    RepeatedGroupedStratifiedKFold,
    assign_folds,
    assign_holdout,
    distortion,
    largest_k,
    spread,
    unevenness,
)
from ai_models.folds.balance import greedy


def _deviation(labels, folds, k):
    """Largest distance of a fold's class count from its fair share, in images."""
    counts = np.array([[np.sum((folds == f) & (labels == c)) for c in np.unique(labels)] for f in range(k)])
    return float(np.abs(counts - counts.sum(axis=0) / k).max())


def _problem(rng, *, max_groups=90, mixed=0.1):
    classes, k = int(rng.integers(2, 6)), int(rng.integers(2, 6))
    n = int(rng.integers(classes * k, max_groups))
    of_group = rng.choice(classes, n, p=rng.dirichlet(np.full(classes, 3.0)))
    of_group[: classes * k] = np.tile(np.arange(classes), k)
    groups = np.repeat(np.arange(n), rng.geometric(0.4, n))
    labels = np.where(rng.random(len(groups)) < mixed, rng.integers(0, classes, len(groups)), of_group[groups])
    return labels, groups, k


def test_two_classes_that_divide_evenly_are_divided_evenly():
    labels = np.repeat(["a", "b"], [10, 20])
    folds = assign_folds(labels, np.arange(30), 5, seed=3)
    assert [np.sum((folds == f) & (labels == "a")) for f in range(5)] == [2] * 5
    assert [np.sum((folds == f) & (labels == "b")) for f in range(5)] == [4] * 5


def test_a_partition_that_needs_search_is_found():
    # groups of 5, 4, 3, 3, 3 images: greedy gives 8 + 10 (5+3, 4+3+3), the even way is 5+4 and 3+3+3
    labels = np.array(["a"] * 18 + ["b"] * 4)
    groups = np.repeat(["v", "w", "x", "y", "z", "p", "q"], [5, 4, 3, 3, 3, 2, 2])
    folds = assign_folds(labels, groups, 2, seed=0)
    assert sorted(np.bincount(folds[labels == "a"]).tolist()) == [9, 9]


def test_balance_is_never_worse_on_average_than_scikit_learns():
    rng = np.random.default_rng(7)
    ours, theirs, degenerate = [], [], 0
    for seed in range(40):
        labels, groups, k = _problem(rng)
        folds = assign_folds(labels, groups, k, seed=seed)
        other = np.empty_like(folds)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            splitter = StratifiedGroupKFold(k, shuffle=True, random_state=seed)
            for f, (_, test) in enumerate(splitter.split(labels, labels, groups)):
                other[test] = f
        ours.append(_deviation(labels, folds, k))
        theirs.append(_deviation(labels, other, k))
        degenerate += any(set(labels[folds == f]) != set(labels) for f in range(k))
    assert degenerate == 0
    assert np.mean(ours) <= np.mean(theirs)
    assert np.mean(np.array(ours) > np.array(theirs)) < 0.1


def test_where_scikit_learn_leaves_a_fold_without_a_class_we_do_not():
    # few groups of unequal size: the class of three groups must still reach all three folds
    labels = np.repeat(["a", "b", "b", "b", "a", "a"], [9, 1, 1, 7, 1, 1])
    groups = np.repeat(["1", "2", "3", "4", "5", "6"], [9, 1, 1, 7, 1, 1])
    folds = assign_folds(labels, groups, 3, seed=0)
    assert all(set(labels[folds == f]) == {"a", "b"} for f in range(3))


@pytest.mark.parametrize("classes", [6, 60])
def test_ten_thousand_groups_take_less_than_two_seconds(classes):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(10_000), rng.geometric(0.4, 10_000))
    labels = rng.integers(0, classes, 10_000)[groups]
    start = time.process_time()
    folds = assign_folds(labels, groups, 5, seed=1)
    assert time.process_time() - start < 4  # under two seconds of wall time on an idle core
    assert _deviation(labels, folds, 5) < 1


def test_refusal_names_the_class_its_groups_and_what_works():
    labels = np.repeat(["buddha", "coin"], [3, 9])
    with pytest.raises(SplitRefusedError, match=r"class 'buddha' has 3 groups .* cannot fill 5 folds.* works is 3"):
        assign_folds(labels, np.arange(12), 5, seed=0)
    with pytest.raises(SplitRefusedError, match=r"class 'buddha' has 1 group of .* no number of folds works"):
        assign_folds(["buddha", "buddha", "coin", "coin"], ["x", "x", "y", "z"], 2, seed=0)


def test_groups_of_several_classes_that_stand_in_each_others_way_are_refused():
    # a triangle: every class has two groups, but no two folds can both hold all three classes
    labels = ["a", "b", "b", "c", "a", "c"]
    groups = ["1", "1", "2", "2", "3", "3"]
    assert largest_k(labels, groups) == 1
    with pytest.raises(SplitRefusedError, match="because groups hold several classes"):
        assign_folds(labels, groups, 2, seed=0)


@pytest.mark.parametrize("seed", range(5))
def test_largest_k_works_and_one_more_does_not(seed):
    labels, groups, _ = _problem(np.random.default_rng(seed), max_groups=30, mixed=0.3)
    k = largest_k(labels, groups)
    if k >= 2:
        assign_folds(labels, groups, k, seed=99)
    with pytest.raises(SplitRefusedError):
        assign_folds(labels, groups, max(k + 1, 2), seed=0)


def test_fixed_rows_stay_and_the_rest_fills_around_them():
    labels = np.repeat(["a", "b"], 20)
    groups = np.arange(40)
    fixed = np.full(40, -1)
    fixed[:8], fixed[20:24] = 2, 0
    folds = assign_folds(labels, groups, 4, seed=0, fixed=fixed)
    assert (folds[fixed >= 0] == fixed[fixed >= 0]).all()
    assert [np.sum(folds[20:] == f) for f in range(4)] == [5] * 4
    with pytest.raises(DataError, match="two sides"):
        assign_folds(["a", "a", "a", "b", "b"], ["x", "x", "w", "y", "z"], 2, seed=0, fixed=[0, 1, -1, -1, -1])


@pytest.mark.parametrize("share", [0.1, 0.15, 0.2, 0.5, 0.8])
def test_holdout_takes_the_share_of_groups_of_each_class(share):
    rng = np.random.default_rng(5)
    of_group = np.repeat([0, 1, 2], [40, 17, 9])
    groups = np.repeat(np.arange(66), rng.geometric(0.4, 66))
    out = assign_holdout(of_group[groups], groups, share, seed=1)
    held = np.isin(np.arange(66), groups[out])
    for c, n in enumerate([40, 17, 9]):
        assert abs(held[of_group == c].sum() - share * n) <= 1
    assert abs(out.mean() - share) < 0.05


def test_holdout_refuses_a_class_of_one_object_and_zero_holds_out_nothing():
    with pytest.raises(SplitRefusedError, match=r"class 'b' has 1 group .* set the share"):
        assign_holdout(["a", "a", "b", "b"], ["1", "2", "3", "3"], 0.2, seed=0)
    assert not assign_holdout(["a", "b"], ["1", "2"], 0.0, seed=0).any()
    out = assign_holdout(["a", "a", "b", "b"], ["1", "2", "3", "4"], 0.01, seed=0)
    assert out[:2].sum() == out[2:].sum() == 1


def test_nonsense_is_answered_in_a_sentence():
    with pytest.raises(ConfigError, match="at least 2"):
        assign_folds(["a"], ["1"], 1, seed=0)
    with pytest.raises(ConfigError, match=r"\[0, 1\)"):
        assign_holdout(["a"], ["1"], 1.0, seed=0)
    with pytest.raises(DataError, match="equal length"):
        assign_folds(["a", "b"], ["1"], 2, seed=0)
    with pytest.raises(SplitRefusedError, match="no rows"):
        largest_k([], [])


def test_it_is_a_scikit_learn_splitter():
    labels, groups = np.repeat(["a", "b"], 15), np.repeat(np.arange(15), 2)
    splitter = GroupedStratifiedKFold(3, seed=4)
    X = np.zeros((30, 1))
    scores = cross_val_score(DummyClassifier(), X, labels, groups=groups, cv=splitter)
    assert scores.shape == (3,)
    assert splitter.get_n_splits() == 3
    assert repr(splitter) == "GroupedStratifiedKFold(n_splits=3, seed=4)"
    folds = assign_folds(labels, groups, 3, seed=4)
    for f, (fit, score) in enumerate(splitter.split(X, labels, groups)):
        assert score.tolist() == np.flatnonzero(folds == f).tolist()
        assert not set(groups[fit]) & set(groups[score])
    with pytest.raises(DataError, match="needs groups"):
        next(splitter.split(X, labels))


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("folds_benchmark", Path(__file__).parents[2] / "benchmarks/folds.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_benchmark_in_small_finds_no_fault(benchmark):
    events = benchmark.measure(range(0, 60)).events
    assert events["both valid"] > 10
    assert events["refused rightly"] == events["refused"] > 10
    faults = ("degenerate", "torn", "above", "less even", "although", "impossible", "valid where ours refused")
    of_ours = {n: v for n, v in events.items() if any(f in n for f in faults) and "shuffled" not in n and v}
    assert not {n for n in of_ours if not n.startswith("sklearn degenerate")}


def test_the_bar_is_scikit_learns_own_division(benchmark):
    compared = 0
    for number in range(200, 230):
        labels, groups, k = benchmark.problem(number)
        other = benchmark.theirs(labels, groups, k, None)
        if other is None:
            continue
        names, row_group = np.unique(groups, return_inverse=True)
        counts = np.zeros((len(names), labels.max() + 1))
        np.add.at(counts, (row_group, labels), 1.0)
        assert (greedy(counts, k, np.full(len(names), -1))[row_group] == other).all()
        compared += 1
    assert compared > 20


def test_the_errors_by_hand():
    placed = np.array([[3.0, 1.0], [1.0, 3.0]])
    assert distortion(placed) == pytest.approx(0.25)
    assert spread(placed) == pytest.approx(0.25)
    assert unevenness(placed) == 0
    assert unevenness(np.array([[3.0], [1.0]])) == pytest.approx(0.25)


def test_integer_programming_knows_the_triangle(benchmark):
    labels, groups = np.array([0, 1, 1, 2, 0, 2]), np.array([1, 1, 2, 2, 3, 3])
    assert benchmark.feasible(labels, groups, 2) is False
    assert benchmark.feasible(np.append(labels, [0, 1, 2]), np.append(groups, [4, 5, 6]), 2) is True


def test_repeats_differ_and_come_again():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(40), rng.geometric(0.4, 40))
    labels = groups % 3
    splitter = RepeatedGroupedStratifiedKFold(4, n_repeats=5, seed=3)
    X = rng.normal(size=(len(groups), 2))
    found = [tuple(score.tolist()) for _, score in splitter.split(X, labels, groups)]
    assert splitter.get_n_splits(X, labels, groups) == len(found) == 20
    repeats = {frozenset(found[i : i + 4]) for i in range(0, 20, 4)}
    assert len(repeats) == 5
    assert all(sorted(sum(repeat, ())) == list(range(len(groups))) for repeat in repeats)
    assert found == [tuple(score.tolist()) for _, score in splitter.split(X, labels, groups)]
    assert cross_val_score(DummyClassifier(), X, labels, groups=groups, cv=splitter).shape == (20,)
    search = GridSearchCV(DummyClassifier(), {"strategy": ["prior", "most_frequent"]}, cv=splitter)
    assert search.fit(X, labels, groups=groups).n_splits_ == 20
    assert repr(splitter) == "RepeatedGroupedStratifiedKFold(n_splits=4, n_repeats=5, seed=3)"
    with pytest.raises(DataError, match=r"^GroupedStratifiedKFold needs groups"):
        next(splitter.split(X, labels))
    with pytest.raises(ConfigError, match="repeats must be at least 1"):
        next(RepeatedGroupedStratifiedKFold(4, n_repeats=0).split(X, labels, groups))
