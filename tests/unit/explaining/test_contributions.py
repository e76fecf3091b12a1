"""Parts add up to the margin; Shapley values are those of the definition."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from ai_models.core.errors import AmuletError
from ai_models.ensemble.combination import Combination
from ai_models.explaining import contributions
from ai_models.explaining.contributions import (
    background_rows,
    block_contributions,
    margins,
    member_contributions,
    shapley_values,
)


def by_permutations(worth, players):
    """Return Shapley values by their first definition: the mean gain over every order of arrival."""
    total = np.zeros(players)
    for order in itertools.permutations(range(players)):
        present = 0
        for i in order:
            total[i] += worth[present | 1 << i] - worth[present]
            present |= 1 << i
    return total / math.factorial(players)


def game(worth):
    players = int(math.log2(len(worth)))
    return lambda coalitions: worth[(coalitions * (1 << np.arange(players))).sum(axis=1)]


@pytest.mark.parametrize("players", [1, 2, 3, 5])
def test_shapley_values_are_means_over_all_orders(players):
    worth = np.random.default_rng(players).normal(size=2**players)
    parts, base, total = shapley_values(game(worth), players)
    np.testing.assert_allclose(parts, by_permutations(worth, players), atol=1e-12)
    assert base == worth[0]
    assert base + parts.sum() == pytest.approx(total) == pytest.approx(worth[-1])


def test_a_glove_game_known_on_paper():
    """One has a left glove, two have a right one each: a pair is worth 1. The left one gets 2/3."""
    worth = np.array([0, 0, 0, 1, 0, 1, 0, 1.0])  # bit 0 is the left glove
    np.testing.assert_allclose(shapley_values(game(worth), 3)[0], [2 / 3, 1 / 6, 1 / 6])


@pytest.fixture(scope="module")
def rows(model, held_out):
    return model.scaler.transform(model.extractor.extract_batch(held_out))


def test_members_add_up_to_the_log_odds(model, rows, held_out):
    p = model.predict_proba(held_out)
    for z, said in zip(rows, p, strict=True):
        a, b = np.argsort(-said)[:2]
        found = member_contributions(model.ensemble, z, a, b)
        assert sum(found.parts.values()) == pytest.approx(found.total, abs=1e-9)
        assert found.total == pytest.approx(math.log(said[a] / said[b]), abs=1e-6)
        assert "class prior" not in found.parts
        assert [abs(v) for v in found.parts.values()] == sorted((abs(v) for v in found.parts.values()), reverse=True)


def test_a_constant_in_the_vote_stands_apart(model, rows, monkeypatch):
    plain = member_contributions(model.ensemble, rows[0], 0, 1)
    logits = type(model.ensemble).predict_logits
    monkeypatch.setattr(
        type(model.ensemble), "predict_logits", lambda self, Z: logits(self, Z) + np.array([0.7, 0.0, 0.0])
    )
    shifted = member_contributions(model.ensemble, rows[0], 0, 1)
    assert shifted.parts.pop("class prior") == pytest.approx(0.7)
    assert shifted.parts == plain.parts


def test_two_members_of_one_family_are_both_named(model, rows):
    from copy import copy

    vote = copy(model.ensemble)
    member = model.ensemble.combination.members[0]
    other = replace(member, params=(("C", 1.5),))
    vote.combination = Combination((member, other), (0.5, 0.5), 1.0)
    vote.members_ = [vote.members_[0], (other, *vote.members_[0][1:])]
    found = member_contributions(vote, rows[0], 0, 1)
    assert set(found.parts) == {member.name, other.name}


def test_blocks_add_up_and_start_from_the_background(model, evidence, rows):
    background = evidence.scaled[background_rows(evidence, 0)]
    for z in rows:
        found = block_contributions(model.ensemble, z, background, 0, 2)
        assert set(found.parts) <= {"cnn", "hog"}
        assert found.base + sum(found.parts.values()) == pytest.approx(found.total, abs=1e-9)
        assert found.total == pytest.approx(margins(model.ensemble, z[None], 0, 2)[0], abs=1e-9)
        expected = margins(model.ensemble, background.astype(np.float64), 0, 2).mean()
        assert found.base == pytest.approx(expected, abs=1e-9)


def test_a_block_like_the_background_has_no_part(model, evidence, rows):
    """One background row, and an image that equals it in HOG: only the network can have moved the margin."""
    background = evidence.scaled[:1].astype(np.float64)
    z = rows[0].copy()
    z[model.scaler.slices_["hog"]] = background[0][model.scaler.slices_["hog"]]
    found = block_contributions(model.ensemble, z, background, 0, 1)
    assert found.parts["hog"] == pytest.approx(0, abs=1e-12)
    assert found.parts["cnn"] == pytest.approx(found.total - found.base, abs=1e-12)


def test_batches_change_nothing(model, evidence, rows, monkeypatch):
    background = evidence.scaled[background_rows(evidence, 0)]
    whole = block_contributions(model.ensemble, rows[0], background, 0, 1)
    monkeypatch.setattr(contributions, "_BATCH", 1)
    again = block_contributions(model.ensemble, rows[0], background, 0, 1)
    assert again.parts == pytest.approx(whole.parts)


def test_too_many_blocks_are_refused(model, evidence, rows, monkeypatch):
    monkeypatch.setattr(contributions, "MOST_BLOCKS", 1)
    with pytest.raises(AmuletError, match="at most 1 blocks, this model uses 2"):
        block_contributions(model.ensemble, rows[0], evidence.scaled[:2], 0, 1)


def test_the_background_holds_as_many_of_each_class_one_an_object(evidence):
    chosen = background_rows(evidence, 0)
    counts = np.bincount(evidence.labels[chosen])
    pairs = np.array([f"{label}-{i // 2}" for i, label in enumerate(evidence.labels.tolist())])
    of_pairs = background_rows(replace(evidence, groups=pairs), 0)
    assert len(set(pairs[of_pairs].tolist())) == len(of_pairs) == len(set(pairs.tolist()))
    assert counts.tolist() == [min(32 // 3, n) for n in np.bincount(evidence.labels).tolist()]
    assert background_rows(evidence, 0).tolist() == chosen.tolist()
    assert len({tuple(background_rows(evidence, seed).tolist()) for seed in range(6)}) > 1
