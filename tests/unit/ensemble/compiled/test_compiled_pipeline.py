"""Scaler and vote as one give what they give one after the other, whatever of them is multiplied out."""

from __future__ import annotations

import numpy as np
import pytest

from ai_models.ensemble.combination import Combination
from ai_models.ensemble.members import MemberSpec
from ai_models.ensemble.scaler import BlockScaler
from ai_models.ensemble.voting import VotingEnsemble

BLOCKS = {"a": slice(0, 40), "unseen": slice(40, 52), "b": slice(52, 100), "c": slice(100, 130)}
LINEAR = (MemberSpec("logistic", ("a",)), MemberSpec("lda", ("a", "c"), 7), MemberSpec("prototype", ("b",)))
OTHERS = (MemberSpec("svm", ("b", "c"), 6), MemberSpec("forest", ("a", "b"), 3), MemberSpec("boosting", ("c",), 4))


def _fitted(specs, k=3, components=30, n=96):
    rng = np.random.default_rng(k)
    y = np.arange(n) % k
    X = (rng.normal(size=(n, 130)) + rng.normal(size=(k, 130))[y]).astype(np.float32)
    scaler = BlockScaler(BLOCKS, components, reference=("a",)).fit(X)
    equal = (1.0 / len(specs),) * len(specs)
    vote = VotingEnsemble(Combination(specs, equal, 0.4), scaler.slices_).fit(scaler.transform(X), y)
    rows = np.concatenate([X, 5 * rng.normal(size=(40, 130)).astype(np.float32), np.zeros((1, 130), np.float32)])
    return scaler, vote, rows


@pytest.mark.parametrize(
    ("specs", "k", "components", "folded"),
    [
        pytest.param(LINEAR, 2, 30, True, id="two classes"),
        pytest.param(LINEAR[:1], 3, 30, True, id="one member"),
        pytest.param((*OTHERS, *LINEAR), 3, 30, True, id="every kind"),
        pytest.param((LINEAR[0], OTHERS[0], LINEAR[1], OTHERS[1]), 4, 30, True, id="in turns"),
        pytest.param(OTHERS, 3, 30, False, id="nothing linear"),
        pytest.param((*LINEAR, *OTHERS), 3, 5, False, id="few components"),
        pytest.param((*LINEAR, *OTHERS), 3, 0, False, id="no components"),
    ],
)
def test_logits_are_those_of_one_after_the_other(specs, k, components, folded):
    scaler, vote, rows = _fitted(specs, k, components)
    pipeline = vote.behind(scaler)
    assert pipeline._folded is folded
    expected = np.stack(list(vote.member_logits(scaler.transform(rows)).values()))
    np.testing.assert_allclose(pipeline.logits(rows), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(pipeline.logits(rows[7:8]), expected[:, 7:8], rtol=1e-9, atol=1e-9)


def test_what_is_not_finite_or_of_another_width_is_refused():
    scaler, vote, rows = _fitted(LINEAR)
    pipeline = vote.behind(scaler)
    with pytest.raises(ValueError, match="must have the 130 columns"):
        pipeline.logits(rows[:, :-1])
    rows = rows.copy()
    rows[3, 60] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        pipeline.logits(rows)


def test_it_reads_less():
    scaler, vote, _ = _fitted(LINEAR[:1])
    blocks = vote.behind(scaler)._blocks
    assert set(blocks) == {"a"}
    assert blocks["a"].matrix.shape == (3, 40)
