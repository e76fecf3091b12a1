"""What each way to split makes of the same photographs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from ai_models.core.errors import SplitRefusedError
from ai_models.core.rng import derive_seed
from ai_models.crossfit.protocols import PhotographRows, hits_by_protocol
from ai_models.folds import GroupedStratifiedKFold


def objects(number: int, photographs: int, *, copies: int = 1, seed: int = 0, noise: float = 0.05) -> PhotographRows:
    """Return objects whose looks say nothing of their class, each seen several times."""
    rng = np.random.default_rng(seed)
    looks = rng.standard_normal((number, 40))
    owner = np.repeat(np.arange(number), photographs)
    X = looks[owner] + noise * rng.standard_normal((len(owner), 40))
    parents = np.repeat(np.arange(len(owner)), copies)
    made = X[parents] + noise * rng.standard_normal((len(parents), 40))
    unit = [m / np.linalg.norm(m, axis=1, keepdims=True) for m in (X, made)]
    return PhotographRows(unit[0], owner % 2, np.char.add("o", owner.astype(str)), unit[1], parents)


def means(rows: PhotographRows, **options: int) -> dict[str, float]:
    found = hits_by_protocol(rows, **{"folds": 5, "repeats": 2, "seed": 0, "workers": 1} | options)
    return {name: float(hits.mean()) for name, hits in found.hits.items()}


def test_classes_without_a_signal_are_learnt_through_the_leak_alone():
    found = means(objects(30, 4))
    assert found["naive"] > 0.95
    assert found["augmented"] > 0.95
    assert found["grouped"] < 0.7


def test_one_photograph_an_object_leaks_only_through_its_copies():
    found = means(objects(60, 1, copies=2))
    assert found["augmented"] > 0.9
    assert found["naive"] < 0.7
    assert found["grouped"] < 0.7


def test_hits_are_those_of_scikit_learn_on_the_same_folds():
    rows = objects(24, 3, seed=1, noise=1.5)
    found = hits_by_protocol(rows, folds=4, repeats=1, seed=7, workers=1)
    model = LogisticRegression(C=100.0, max_iter=1000)
    for protocol, splitter in (
        ("naive", StratifiedKFold(4, shuffle=True, random_state=derive_seed(7, "leak meter, naive", 0))),
        ("grouped", GroupedStratifiedKFold(4, seed=derive_seed(7, "leak meter, grouped", 0))),
    ):
        said = cross_val_predict(
            model, rows.X, rows.y, groups=rows.groups if protocol == "grouped" else None, cv=splitter
        )
        np.testing.assert_array_equal(found.hits[protocol], said == rows.y)
    X, y = np.concatenate([rows.X, rows.copies]), np.concatenate([rows.y, rows.y])
    splitter = StratifiedKFold(4, shuffle=True, random_state=derive_seed(7, "leak meter, augmented", 0))
    right = cross_val_predict(model, X, y, cv=splitter) == y
    np.testing.assert_allclose(found.hits["augmented"], right.reshape(2, -1).mean(axis=0))
    assert all(0.1 < hits.mean() < 0.99 for hits in found.hits.values())


def test_workers_change_nothing_and_the_seed_does():
    rows = objects(24, 3)
    one, two, other = (
        hits_by_protocol(rows, folds=4, repeats=2, seed=seed, workers=workers).hits
        for seed, workers in ((0, 1), (0, 2), (1, 1))
    )
    assert all((one[name] == two[name]).all() for name in one)
    assert any((one[name] != other[name]).any() for name in one)


def test_folds_go_down_to_the_objects_of_the_rarest_class():
    rows = objects(6, 3)
    assert hits_by_protocol(rows, folds=5, repeats=1, seed=0, workers=1).folds == 3
    alone = replace(rows, groups=np.where(rows.y == 0, "one", rows.groups))
    with pytest.raises(SplitRefusedError, match="class '0' has 1 group"):
        hits_by_protocol(alone, folds=5, repeats=1, seed=0, workers=1)
