"""P-values against a closed form, against MAPIE, and by what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from ai_models.ensemble.conformal import ConformalReference, groups_needed, prediction_sets


def test_p_value_by_hand() -> None:
    # group a: scores 1 and 3, group b: 2; for s = 2: a has half of its images at or above, b all
    reference = ConformalReference().fit([1.0, 3.0, 2.0], ["a", "a", "b"])
    assert reference.p_value([0.0, 2.0, 2.5, 9.0]) == pytest.approx([3 / 3, 2.5 / 3, 1.5 / 3, 1 / 3])


def test_p_values_of_exchangeable_objects_are_valid() -> None:
    rng = np.random.default_rng(0)
    alarms = []
    for _ in range(300):
        scores = rng.normal(size=40)
        p = ConformalReference().fit(scores[:39], np.arange(39)).p_value(scores[39:])
        alarms.append(p[0] <= 0.1)
    # 39 reference objects: p <= 0.1 has a probability of exactly 4/40
    assert 0.05 <= np.mean(alarms) <= 0.15


def test_repeating_an_image_does_not_change_the_reference() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(size=20)
    once = ConformalReference().fit(scores, np.arange(20))
    often = ConformalReference().fit(np.repeat(scores, 7), np.repeat(np.arange(20), 7))
    new = rng.normal(size=50)
    assert often.p_value(new) == pytest.approx(once.p_value(new))


def test_sets_equal_mapie_when_every_image_is_its_own_object() -> None:
    from mapie.classification import SplitConformalClassifier
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(2)
    centres = rng.normal(size=(4, 5))
    y = rng.integers(0, 4, size=600)
    X = centres[y] + rng.normal(size=(600, 5))
    model = LogisticRegression().fit(X[:200], y[:200])
    oracle = SplitConformalClassifier(model, confidence_level=0.9, conformity_score="lac", prefit=True)
    oracle.conformalize(X[200:400], y[200:400])
    _, theirs = oracle.predict_set(X[400:])
    p = model.predict_proba(X[200:400])
    reference = ConformalReference().fit(1 - p[np.arange(200), y[200:400]], np.arange(200))
    ours = prediction_sets(model.predict_proba(X[400:]), reference, 0.9)
    empty = ~theirs[:, :, 0].any(axis=1)  # where MAPIE's set is empty, ours holds the likeliest class
    assert (ours == theirs[:, :, 0])[~empty].mean() > 0.999
    assert (ours[empty].sum(axis=1) == 1).all()
    assert ours[np.arange(200), y[400:]].mean() == pytest.approx(0.9, abs=0.06)


@pytest.mark.parametrize(("coverage", "needed"), [(0.9, 9), (0.95, 19), (0.8, 4), (0.5, 1)])
def test_too_few_objects_leave_nothing_out(coverage: float, needed: int) -> None:
    assert groups_needed(coverage) == needed
    sure = np.array([[1.0, 0.0]])
    few = ConformalReference().fit(np.zeros(needed - 1), np.arange(needed - 1)) if needed > 1 else None
    enough = ConformalReference().fit(np.zeros(needed), np.arange(needed))
    if few is not None:
        assert prediction_sets(sure, few, coverage).all()
    assert prediction_sets(sure, enough, coverage).tolist() == [[True, False]]


def test_empty_or_broken_references_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        ConformalReference().fit([], [])
    with pytest.raises(ValueError, match="finite"):
        ConformalReference().fit([np.nan], ["a"])
