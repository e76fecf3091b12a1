"""The fitted vote and its members."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from ai_models.core.errors import ConfigError
from ai_models.ensemble.combination import Combination, softmax
from ai_models.ensemble.members import KINDS, MemberSpec, build, columns_of, logits
from ai_models.ensemble.voting import VotingEnsemble

SLICES = {"cnn": slice(0, 6), "hog": slice(6, 10)}


def _data(k: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(k)
    y = np.arange(90) % k
    return (rng.normal(size=(k, 10))[y] * 3 + rng.normal(size=(90, 10))), y


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [2, 4])
def test_every_kind_learns_and_has_centred_logits(kind: str, k: int) -> None:
    Z, y = _data(k)
    model = build(MemberSpec(kind, ("cnn",)), seed=0).fit(Z[:60], y[:60])
    values = logits(model, Z[60:], kind, k)
    assert values.shape == (30, k)
    assert values.sum(axis=1) == pytest.approx(np.zeros(30), abs=1e-9)
    assert (values.argmax(axis=1) == y[60:]).mean() > 0.7


def test_a_vote_of_one_is_that_classifier() -> None:
    Z, y = _data(3)
    spec = MemberSpec("logistic", ("hog",), 0, (("C", 10.0),))
    vote = VotingEnsemble(Combination((spec,), (1.0,), 1.0), SLICES).fit(Z, y)
    alone = LogisticRegression(C=10.0, max_iter=1000).fit(Z[:, 6:], y)
    assert vote.predict_proba(Z) == pytest.approx(alone.predict_proba(Z[:, 6:]), abs=5e-6)
    assert vote.predict_proba(Z).sum(axis=1) == pytest.approx(np.ones(len(Z)))


def test_the_vote_is_its_members_weighed() -> None:
    Z, y = _data(3)
    specs = (MemberSpec("logistic", ("cnn",)), MemberSpec("svm", ("cnn", "hog"), 3), MemberSpec("forest", ("hog",)))
    vote = VotingEnsemble(Combination(specs, (0.5, 0.3, 0.2), 0.7), SLICES).fit(Z, y)
    parts = vote.member_logits(Z)
    by_hand = sum(w * parts[s] for s, w in zip(specs, (0.5, 0.3, 0.2), strict=True)) / 0.7
    assert vote.predict_proba(Z) == pytest.approx(softmax(by_hand))


def test_labels_come_back_and_one_seed_gives_one_model() -> None:
    Z, y = _data(3)
    names = np.array(["พระ", "b", "c"])[y]
    vote = VotingEnsemble(Combination((MemberSpec("forest", ("cnn",)),), (1.0,), 1.0), SLICES, seed=3)
    first, second = vote.fit(Z, names).predict_proba(Z), clone(vote).fit(Z, names).predict_proba(Z)
    assert (first == second).all()
    assert set(vote.predict(Z)) <= {"พระ", "b", "c"}
    assert vote.classes_.tolist() == sorted({"พระ", "b", "c"})


def test_columns_are_the_leading_components_of_each_block() -> None:
    assert columns_of(MemberSpec("svm", ("cnn", "hog"), 2), SLICES).tolist() == [0, 1, 6, 7]
    assert columns_of(MemberSpec("svm", ("hog",)), SLICES).tolist() == [6, 7, 8, 9]


def test_a_member_that_missed_a_class_is_refused() -> None:
    Z, y = _data(3)
    model = build(MemberSpec("logistic", ("cnn",)), 0).fit(Z[y < 2], y[y < 2])
    with pytest.raises(ValueError, match="2 of 3 classes"):
        logits(model, Z, "logistic", 3)


def nearest(seed: int, params: Mapping[str, Any]) -> KNeighborsClassifier:
    return KNeighborsClassifier(3)


def test_members_of_ones_own_are_named_by_module_and_factory(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("somebodys_members")
    module.nearest = nearest  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "somebodys_members", module)
    assert isinstance(build(MemberSpec("somebodys_members:nearest", ("cnn",)), 0), KNeighborsClassifier)
    for kind in ("forrest", "somebodys_members:farthest", "no_such_module_:x"):
        with pytest.raises(ConfigError, match="one of logistic"):
            build(MemberSpec(kind, ("cnn",)), 0)
