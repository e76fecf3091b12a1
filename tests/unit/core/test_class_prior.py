"""How frequent classes are where a model is used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ai_models.core.class_prior import prior_ratio
from ai_models.core.errors import ConfigError, DataError
from ai_models.core.predictions import OodVerdict, Predictions

CLASSES = ("กระต่าย", "b", "c")
TRAINED = {"กระต่าย": 60, "b": 30, "c": 10}


def predictions(p: np.ndarray) -> Predictions:
    n = len(p)
    return Predictions(CLASSES, p, p > 0.3, np.zeros(n), np.ones(n), (OodVerdict.IN_DOMAIN,) * n)


def test_as_in_training_nothing_changes() -> None:
    assert prior_ratio("training", CLASSES, TRAINED).tolist() == [1.0, 1.0, 1.0]


def test_bayes_on_paper() -> None:
    """Densities 1:2:4 at a point: with the training's frequencies 60:60:40, with equal ones 1:2:4."""
    p = np.array([[60.0, 60.0, 40.0]]) / 160
    found = predictions(p).with_prior(prior_ratio("uniform", CLASSES, TRAINED))
    assert found.probabilities[0] == pytest.approx(np.array([1, 2, 4]) / 7)
    assert found.predicted[0] == "c"
    np.testing.assert_array_equal(found.sets, predictions(p).sets)


def test_a_table_says_it(tmp_path: Path) -> None:
    table = tmp_path / "ส่วน.csv"
    table.write_text("class,share\nb,3\nc,1\nกระต่าย,6\n", encoding="utf-8")
    ratio = prior_ratio(str(table), CLASSES, TRAINED)
    assert ratio == pytest.approx([1.0, 1.0, 1.0])  # 6:3:1 is what training had


def test_unreadable_rows_stay_without_a_prediction() -> None:
    found = predictions(np.array([[np.nan] * 3, [0.2, 0.5, 0.3]])).with_prior(np.array([1.0, 2.0, 1.0]))
    assert np.isnan(found.probabilities[0]).all()
    assert found.probabilities[1].sum() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("class,share\nกระต่าย,1\nb,1\n", "no share for the class 'c'"),
        ("class,share\nกระต่าย,1\nb,1\nc,0\n", "above 0, got '0'"),
        ("class,share\nกระต่าย,1\nb,1\nc,nan\n", "above 0, got 'nan'"),
        ("class,share\nกระต่าย,1\nb,1\nb,1\n", "each class of the model once, got 'b'"),
        ("class,share\nกระต่า,1\nb,1\nc,1\n", "did you mean 'กระต่าย'"),
        ("name,part\nb,1\n", "columns class,share"),
    ],
)
def test_a_table_that_does_not_fit_is_told(tmp_path: Path, text: str, says: str) -> None:
    table = tmp_path / "p.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=says):
        prior_ratio(str(table), CLASSES, TRAINED)


def test_a_word_that_is_neither_is_told() -> None:
    with pytest.raises(ConfigError, match="training, uniform or a CSV file"):
        prior_ratio("equal", CLASSES, TRAINED)
