"""Subsets keep objects whole and nested; no object is scored by a fit that saw it; errors and their noise."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ai_models.core.errors import SplitRefusedError
from ai_models.core.rng import derive_seed
from ai_models.crossfit import learning_curve
from ai_models.crossfit.learning_curve import fit_for_a_curve, joint_points, nested_subset, score_subsets
from ai_models.folds import assign_folds
from ai_models.metrics import balanced_accuracy


def folder(objects: int, k: int = 3, *, signal: float = 1.0, seed: int = 0):
    """Return photographs of objects, one to three each, at unit length."""
    rng = np.random.default_rng(seed)
    label = np.arange(objects) % k
    looks = signal * np.eye(k, 30)[label] * 3 + rng.standard_normal((objects, 30))
    owner = np.repeat(np.arange(objects), 1 + np.arange(objects) % 3)
    X = looks[owner] + 0.05 * rng.standard_normal((len(owner), 30))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    return X.astype(np.float32), label[owner].astype(np.int64), np.char.add("o", owner.astype(str))


def test_subsets_are_nested_and_of_the_share_asked_in_every_class():
    home = {f"o{i}": i % 3 for i in range(60)}
    order = np.random.default_rng(0).permutation(60)
    rank, seen = {}, [0, 0, 0]
    for i in order:
        rank[f"o{i}"] = seen[i % 3]
        seen[i % 3] += 1
    smaller: set[str] = set()
    for share in (0.01, 0.1, 0.25, 0.5, 1.0):
        chosen = nested_subset(rank, home, np.full(3, share))
        assert smaller <= chosen
        assert [sum(home[g] == c for g in chosen) for c in range(3)] == [max(1, int(20 * share + 0.5))] * 3
        smaller = chosen
    thinned = nested_subset(rank, home, np.array([0.25, 1, 1]))
    assert [sum(home[g] == c for g in thinned) for c in range(3)] == [5, 20, 20]


def test_fits_see_whole_objects_and_none_that_they_are_scored_on(monkeypatch):
    X, y, groups = folder(36)
    X = np.concatenate([X, 5 * np.eye(len(X))], axis=1).astype(np.float32)  # a photograph is told by its column
    seen = []

    class Watched(LogisticRegression):
        def fit(self, Z, labels):
            self.rows = [int(np.argmin(np.linalg.norm(turned - z, axis=1))) for z in Z]
            return super().fit(Z, labels)

        def predict(self, Z):
            scored = [int(np.argmin(np.linalg.norm(turned - z, axis=1))) for z in Z]
            seen.append((set(self.rows), set(scored)))
            return super().predict(Z)

    turned = learning_curve._turned(X)
    monkeypatch.setattr(learning_curve, "LogisticRegression", Watched)
    points = joint_points(y, groups)
    score_subsets(X, y, groups, points, repeats=1, seed=0, workers=1)
    assert len(seen) == 5 * len(points)
    for number, (fitted, scored) in enumerate(seen):
        own, others = {groups[i] for i in fitted}, {groups[i] for i in scored}
        assert not own & others
        for part, names in ((fitted, own), (scored, others)):
            assert part == {i for i in range(len(y)) if groups[i] in names}
        if number % len(points):
            assert seen[number - 1][0] < fitted


def test_objects_without_a_signal_are_told_at_chance_at_every_size():
    X, y, groups = folder(90, signal=0.0)
    errors, noise = score_subsets(X, y, groups, joint_points(y, groups), repeats=3, seed=0, workers=1).errors()
    assert (np.abs(errors - 2 / 3) < 3 * np.sqrt(np.diag(noise))).all()


def test_the_last_point_is_plain_cross_validation():
    X, y, groups = folder(40, signal=0.5)
    found = score_subsets(X, y, groups, np.ones((1, 3)), repeats=1, seed=5, workers=1)
    folds = assign_folds(y, groups, 5, seed=derive_seed(5, "learning curve, folds", 0))
    said = np.empty(len(y), dtype=np.int64)
    for fold in range(5):
        model = LogisticRegression(C=100.0, max_iter=1000, tol=1e-3).fit(X[folds != fold], y[folds != fold])
        said[folds == fold] = model.predict(X[folds == fold])
    assert found.errors()[0][0] == pytest.approx(1 - balanced_accuracy(y, said, 3), abs=1.5 / len(y))
    assert found.objects[0] == pytest.approx(40 * 4 / 5)


def test_noise_is_that_of_drawing_other_objects():
    X, y, groups = folder(60, signal=0.4)
    found = score_subsets(X, y, groups, joint_points(y, groups), repeats=1, seed=0, workers=1)
    _, noise = found.errors()
    rng, names = np.random.default_rng(0), np.unique(groups)
    rows = {name: np.flatnonzero(groups == name) for name in names}
    by_class = [[n for n in names if y[rows[n][0]] == c] for c in range(3)]
    wrong = 1.0 - found.right[0]
    drawn = []
    for _ in range(2000):
        means = []
        for own in by_class:
            picked = np.concatenate([rows[own[i]] for i in rng.integers(0, len(own), len(own))])
            means.append(wrong[:, picked].mean(axis=1))
        drawn.append(np.mean(means, axis=0))
    spread = np.cov(np.array(drawn).T)
    np.testing.assert_allclose(np.sqrt(np.diag(noise)), np.sqrt(np.diag(spread)), rtol=0.12)
    assert np.corrcoef(noise.ravel(), spread.ravel())[0, 1] > 0.95


def test_no_error_at_all_leaves_a_doubt():
    X, y, groups = folder(30, signal=20.0)
    errors, noise = score_subsets(X, y, groups, np.ones((2, 3)), repeats=2, seed=0, workers=1).errors()
    assert errors.tolist() == [0, 0]
    assert np.sqrt(noise[0, 0]) > 0.01


def test_the_result_does_not_depend_on_workers():
    X, y, groups = folder(24)
    a, b = (score_subsets(X, y, groups, np.full((1, 3), 0.5), repeats=1, seed=0, workers=n) for n in (1, 2))
    np.testing.assert_array_equal(a.right, b.right)


def test_classes_with_too_few_objects():
    X, y, groups = folder(24)
    few = np.concatenate([np.flatnonzero(y < 2), np.flatnonzero(y == 2)[:2]])
    assert sorted(set(y[few][fit_for_a_curve(y[few], groups[few])].tolist())) == [0, 1]
    single = np.concatenate([np.flatnonzero(y < 2), np.flatnonzero(y == 2)[:1]])
    with pytest.raises(SplitRefusedError, match="class '2' has 1 group"):
        score_subsets(X[single], y[single], groups[single], np.ones((1, 3)), repeats=1, seed=0, workers=1)
