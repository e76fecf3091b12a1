"""The compiled vote gives the logits of scikit-learn's estimators, for every kind, number of classes and rows."""

from __future__ import annotations

import threading
from itertools import pairwise

import numpy as np
import pytest

from ai_models.ensemble.combination import Combination
from ai_models.ensemble.compiled import CompiledVote
from ai_models.ensemble.members import KINDS, MemberSpec, build, columns_of, logits
from ai_models.ensemble.voting import VotingEnsemble

SLICES = {"a": slice(0, 9), "b": slice(9, 14), "c": slice(14, 30)}
SPECS = (
    MemberSpec("boosting", ("c", "a"), 4),
    MemberSpec("logistic", ("a",), 0, (("C", 10.0),)),
    MemberSpec("svm", ("a", "c"), 8, (("C", 10.0),)),
    MemberSpec("forest", ("a", "b", "c"), 3),
    MemberSpec("sklearn.naive_bayes:GaussianNB", ("b",)),
    MemberSpec("lda", ("b", "c")),
    MemberSpec("forest", ("b",)),
    MemberSpec("prototype", ("a", "b")),
    MemberSpec("svm", ("b",)),
    MemberSpec("logistic", ("c",), 5),
    MemberSpec("boosting", ("b",)),
)


def _naive_bayes(seed, params):
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB()


def _fitted(k: int, seed: int = 0, n: int = 90):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % k
    Z = rng.normal(size=(n, 30)) + 1.5 * rng.normal(size=(k, 30))[y]
    members = []
    for spec in SPECS:
        columns = columns_of(spec, SLICES)
        estimator = _naive_bayes(0, {}) if ":" in spec.kind else build(spec, seed)
        members.append((spec, columns, estimator.fit(Z[:, columns], y)))
    rows = np.concatenate([Z, 20 * rng.normal(size=(60, 30)), np.zeros((1, 30))])  # far from everything, and nowhere
    return members, rows


def test_every_kind_is_tried():
    assert {spec.kind for spec in SPECS} >= set(KINDS)


@pytest.mark.parametrize("k", [2, 3, 6])
@pytest.mark.parametrize("seed", [0, 1])
def test_logits_are_those_of_the_estimators(k, seed):
    members, rows = _fitted(k, seed)
    got = CompiledVote(members, 30, k).logits(rows)
    assert got.shape == (len(members), len(rows), k)
    for (spec, columns, model), values in zip(members, got, strict=True):
        expected = logits(model, rows[:, columns], spec.kind, k)
        np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-9, err_msg=spec.name)


@pytest.mark.parametrize("k", [2, 4])
def test_a_row_alone_has_the_logits_that_it_has_among_others(k):
    members, rows = _fitted(k)
    vote = CompiledVote(members, 30, k)
    alone = np.concatenate([vote.logits(row[None]) for row in rows], axis=1)
    np.testing.assert_allclose(alone, vote.logits(rows), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("i", range(len(SPECS)))
def test_one_member_alone_is_a_vote(i):
    members, rows = _fitted(3)
    np.testing.assert_allclose(
        CompiledVote(members[i : i + 1], 30, 3).logits(rows)[0],
        CompiledVote(members, 30, 3).logits(rows)[i],
        atol=1e-12,
    )


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("kind", ["forest", "boosting"])
def test_on_and_beside_a_threshold_trees_compare_in_their_own_precision(kind, k):
    members, rows = _fitted(k)
    chosen = [member for member in members if member[0].kind == kind]
    on = []
    for _, columns, model in chosen:
        if kind == "forest":
            cuts = [(e.tree_.feature, e.tree_.threshold, e.tree_.feature >= 0) for e in model.estimators_[:20]]
        else:
            nodes = [predictor.nodes for iteration in model._predictors[:20] for predictor in iteration]
            cuts = [(n["feature_idx"], n["num_threshold"], n["is_leaf"] == 0) for n in nodes]
        for features, thresholds, inner in cuts:
            for feature, threshold in zip(features[inner], thresholds[inner], strict=True):
                for value in (threshold, np.nextafter(threshold, np.inf), np.nextafter(threshold, -np.inf)):
                    row = rows[len(on) % 90].copy()
                    row[columns[feature]] = value
                    on.append(row)
    on = np.array(on)
    assert len(on) > 300
    for (spec, columns, model), values in zip(chosen, CompiledVote(chosen, 30, k).logits(on), strict=True):
        np.testing.assert_allclose(values, logits(model, on[:, columns], kind, k), atol=1e-9, err_msg=spec.name)


def _vote(k=3):
    specs = tuple(spec for spec in SPECS if ":" not in spec.kind)
    equal = (1.0 / len(specs),) * len(specs)
    _, rows = _fitted(k)
    return VotingEnsemble(Combination(specs, equal, 0.3), SLICES).fit(rows[:90], np.arange(90) % k), rows


def test_threads_that_come_at_once_agree():
    vote, rows = _vote()
    expected = vote.predict_proba(rows)
    fresh, _ = _vote()
    found, gate = [], threading.Barrier(8)

    def ask():
        gate.wait()
        found.append(fresh.predict_proba(rows))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(np.array_equal(one, other) for one, other in pairwise([expected, *found]))


def test_a_vote_that_is_fitted_again_forgets():
    vote, rows = _vote()
    before = vote.predict_proba(rows)
    vote.fit(rows[:90][::-1], np.arange(90) % 3)
    other = VotingEnsemble(vote.combination, SLICES).fit(rows[:90][::-1], np.arange(90) % 3)
    np.testing.assert_array_equal(vote.predict_proba(rows), other.predict_proba(rows))
    assert not np.allclose(vote.predict_proba(rows), before)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(bad):
    vote, rows = _vote()
    rows = rows.copy()
    rows[0, 3] = bad
    with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
        vote.predict_proba(rows)
