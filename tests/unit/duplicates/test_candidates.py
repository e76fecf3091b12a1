import numpy as np
import pytest

from ai_models.core.settings import FeatureConfig
from ai_models.duplicates import candidates
from ai_models.duplicates.candidates import candidate_rounds, nearest_pairs


def test_the_nearest_are_those_of_brute_force(monkeypatch):
    monkeypatch.setattr(candidates, "_BLOCK", 500)  # several blocks
    x = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    likeness = unit @ unit.T
    np.fill_diagonal(likeness, -9)
    expected = {(min(i, j), max(i, j)) for i in range(60) for j in np.argsort(-likeness[i])[:4].tolist()}
    rounds = nearest_pairs(x, (1, 4))
    assert sorted(tuple(pair) for pairs in rounds for pair in pairs.tolist()) == sorted(expected)
    nearest = {(min(i, j), max(i, j)) for i, j in enumerate(likeness.argmax(axis=1).tolist())}
    assert [tuple(pair) for pair in rounds[0].tolist()] == sorted(nearest)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_of_a_few_photographs_every_pair_is_compared(n):
    rounds = candidate_rounds([f"{i}.png" for i in range(n)], features=FeatureConfig(), workers=1)
    assert sum(len(pairs) for pairs in rounds) == n * (n - 1) // 2
    assert all((pairs[:, 0] < pairs[:, 1]).all() for pairs in rounds)


def test_more_neighbours_than_there_are():
    assert sum(len(pairs) for pairs in nearest_pairs(np.eye(3, dtype=np.float32), (1, 12))) == 3
    assert nearest_pairs(np.zeros((1, 3), np.float32), (12,)) == []
