"""Coverage of both kinds of sets, by hand, and what the report says of a class with too few objects."""

from __future__ import annotations

import numpy as np
import pytest

from ai_models.core.predictions import OodVerdict, Predictions
from ai_models.ensemble.prediction_sets import PredictionSets
from ai_models.evaluation.set_figures import set_figures
from ai_models.evaluation.sets_section import add_sets_section
from ai_models.metrics import grouped_share
from ai_models.reporting.page import Page

Y = np.array([0, 0, 0, 1])
GROUPS = np.array(["a", "a", "b", "c"])


def _predictions(by_class: bool = True) -> Predictions:
    p = np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.3, 0.7]])
    pooled = np.array([[True, False], [False, True], [True, False], [True, True]])
    own = np.array([[True, False], [True, True], [True, False], [True, False]])
    return Predictions(
        ("many", "few"), p, pooled, np.zeros(4), np.ones(4), (OodVerdict.IN_DOMAIN,) * 4,
        sets_by_class=own if by_class else None,
    )  # fmt: skip


def test_coverage_by_hand() -> None:
    found = set_figures(Y, _predictions(), GROUPS)
    assert (found["all"]["images"], found["all"]["groups"]) == (4, 3)
    assert found["all"]["pooled"]["coverage"]["estimate"] == 0.75
    assert (found["all"]["pooled"]["size"], found["all"]["by_class"]["size"]) == (1.25, 1.25)
    many = found["classes"]["many"]["pooled"]["coverage"]
    exact = grouped_share([True, False, True], GROUPS[:3])
    assert tuple(many.values()) == pytest.approx(exact[:3])
    assert found["classes"]["few"]["by_class"]["coverage"]["estimate"] == 0
    assert set_figures(Y[:3], _predictions().take(np.arange(3)), GROUPS[:3])["classes"]["few"] is None


def test_out_of_fold_leaves_more_open() -> None:
    plain, folded = (set_figures(Y, _predictions(), GROUPS, folds=f)["all"]["pooled"]["coverage"] for f in (0, 2))
    assert folded["low"] < plain["low"]


def test_without_sets_by_class_there_is_no_figure() -> None:
    with pytest.raises(ValueError, match="class-conditional"):
        set_figures(Y, _predictions(by_class=False), GROUPS)


def test_the_report_names_the_class_without_a_promise_of_its_own() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [30, 4])
    sets = PredictionSets().fit(rng.dirichlet([1, 1], 34), y, np.arange(34))
    metrics = {
        "prediction_sets": {
            "promised": sets.promised(("many", "few")), "measured": set_figures(Y, _predictions(), GROUPS),
        }
    }  # fmt: skip
    page = Page("t")
    add_sets_section(page, metrics)
    text = page.html()
    assert "No promise of its own for few (4 objects): 90% within a class needs 9 training objects of it" in text
    assert "[80.3%, 98.1%] of all photographs (34 objects)" in text
