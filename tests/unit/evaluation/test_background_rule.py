"""The rule on scores whose truth is known: figures that are the background, figures that are not, and too few."""

from __future__ import annotations

import numpy as np
import pytest

from ai_models.evaluation.background_rule import STANDINGS, background_test, standing
from ai_models.metrics import Interval, auroc


@pytest.fixture
def rng() -> np.random.Generator:
    """Draws of one test alone."""
    return np.random.default_rng(0)


def _names(n: int) -> np.ndarray:
    return np.arange(n).astype(str)


def _test(known, moved, foreign, painted=None, **more):
    """Scores (n,), (n, v), (m,), (m,)."""
    theirs = (foreign[None], (foreign if painted is None else painted)[None])
    own = (known[:, None], moved if moved.ndim == 2 else moved[:, None])
    return background_test(own, theirs, _names(len(known)), _names(len(foreign)), draws=400, seed=0, **more)


def test_a_score_that_sees_the_background_alone_is_named(rng):
    known, foreign = rng.normal(0, 1, 60), rng.normal(5, 1, 80)
    found = _test(known, rng.normal(5.3, 1, (60, 5)), foreign)
    assert found.standing == "only"
    assert found.before.estimate > 0.99
    assert found.after.low <= 0.5
    assert found.lost.low > 0.9


def test_the_other_way_round_is_named_too(rng):
    known, foreign = rng.normal(0, 1, 60), rng.normal(5, 1, 80)
    assert _test(known, known, foreign, rng.normal(-0.3, 1, 80)).standing == "only"


def test_a_score_that_sees_the_object_alone_is_cleared(rng):
    known, foreign = rng.normal(0, 1, 120), rng.normal(5, 1, 80)
    found = _test(known, known[:, None] + rng.normal(0, 0.2, (120, 5)), foreign)
    assert found.standing == "not the background"
    assert found.lost.high < 0.25


@pytest.mark.parametrize(("shift", "expected"), [(2.6, "partly"), (3.4, "mostly")])
def test_what_lies_between_is_told_by_its_share(rng, shift, expected):
    known, foreign = rng.normal(0, 1, 400), rng.normal(4, 1, 400)
    found = _test(known, known + shift, foreign)
    assert found.standing == expected
    assert found.lost.estimate == pytest.approx(
        (auroc(known, foreign) - auroc(known + shift, foreign)) / (auroc(known, foreign) - 0.5)
    )


def test_a_handful_of_objects_says_nothing(rng):
    known, foreign = rng.normal(0, 1, 8), rng.normal(9, 1, 8)
    assert _test(known, known, foreign).standing == "too few to say"


def test_a_figure_that_is_guessing_to_begin_with_has_nothing_to_explain(rng):
    known, foreign = rng.normal(0, 1, 50), rng.normal(0, 1, 50)
    assert _test(known, known + 1, foreign).standing == "nothing to explain"


def test_photographs_of_one_object_widen_the_interval(rng):
    known, foreign = np.repeat(rng.normal(0, 1, 12), 8), rng.normal(2, 1, 60)
    moved = known + np.repeat(rng.normal(0.5, 0.5, 12), 8)
    scores = ((known[:, None], moved[:, None]), (foreign[None], foreign[None]))
    alone = background_test(*scores, _names(96), _names(60), draws=400, seed=0)
    joined = background_test(*scores, np.repeat(_names(12), 8), _names(60), draws=400, seed=0)
    assert joined.lost.high - joined.lost.low > 1.5 * (alone.lost.high - alone.lost.low)


def test_each_fold_is_held_against_the_foreign_scores_of_its_own_model(rng):
    folds = np.repeat([0, 1], 30)
    known = rng.normal(0, 1, 60) + 100 * folds  # two models on two scales
    foreign = np.stack([rng.normal(3, 1, 40), rng.normal(103, 1, 40)])
    found = background_test(
        (known[:, None], known[:, None]), (foreign, foreign), _names(60), _names(40), draws=100, seed=0, folds=folds
    )
    expected = np.mean([auroc(known[folds == f], foreign[f]) for f in (0, 1)])
    assert found.before.estimate == pytest.approx(expected)
    assert expected > 0.95


def test_standings_are_ordered_and_equal_input_gives_equal_output(rng):
    assert STANDINGS.index("only") > STANDINGS.index("partly") > STANDINGS.index("not the background")
    known, foreign = rng.normal(0, 1, 30), rng.normal(1, 1, 30)
    assert _test(known, known + 1, foreign) == _test(known, known + 1, foreign)
    edge = Interval(0.3, 0.0, 0.6)
    assert standing(Interval(0.9, 0.8, 1.0), Interval(0.8, 0.7, 0.9), edge) == "too few to say"
