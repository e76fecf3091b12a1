"""The arrays of a batch, one result of it, and its CSV."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from ai_models.core.predictions import OodVerdict, Predictions, Reason


def _batch() -> Predictions:
    nan = np.nan
    return Predictions(
        classes=("a", "พระ"),
        probabilities=np.array([[0.25, 0.75], [nan, nan], [0.5, 0.5]]),
        sets=np.array([[False, True], [False, False], [True, True]]),
        ood_scores=np.array([0.1, nan, 2.0]),
        ood_p_values=np.array([1.0, nan, 0.01]),
        verdicts=(OodVerdict.IN_DOMAIN, OodVerdict.UNREADABLE, OodVerdict.OOD),
        reasons=(Reason.NONE, Reason.UNREADABLE, Reason.FAR),
        details=("", "truncated", "unlike what was trained on"),
        sets_by_class=np.array([[True, True], [False, False], [True, False]]),
    )


def test_arrays_and_single_results_agree() -> None:
    batch = _batch()
    assert batch.predicted == [one.predicted_class for one in batch] == ["พระ", "", "a"]
    assert batch.readable.tolist() == [True, False, True]
    np.testing.assert_array_equal(batch.confidence, [one.confidence for one in batch])
    assert np.isnan(batch[1].confidence)
    assert batch[0].probabilities == {"a": 0.25, "พระ": 0.75}
    assert batch[2].prediction_set == ("a", "พระ")
    assert batch[2].prediction_set_by_class == ("a",)
    assert (batch[2].reason, batch[2].detail) == (Reason.FAR, "unlike what was trained on")
    assert len(batch) == len(list(batch)) == 3


def test_the_csv_has_a_row_for_every_image_also_the_unreadable() -> None:
    text = _batch().to_csv(["x.jpg", "caf\udce9.jpg", "a,b.jpg"], {"label": ["a", "", "b"]}).decode("utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == [
        "path", "label", "predicted_class", "confidence", "p_a", "p_พระ", "prediction_set", "ood_score", "ood_p_value",
        "verdict", "reason", "prediction_set_by_class",
    ]  # fmt: skip
    assert rows[0]["p_พระ"] == "0.75"
    unreadable = {"verdict": "unreadable", "reason": "unreadable"}
    assert rows[1] == dict.fromkeys(rows[1], "") | {"path": "caf\\xe9.jpg"} | unreadable
    assert [row["prediction_set_by_class"] for row in rows] == ["a|พระ", "", "a"]
    assert (rows[2]["path"], rows[2]["prediction_set"], rows[2]["ood_p_value"]) == ("a,b.jpg", "a|พระ", "0.01")


def test_columns_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="3 values"):
        _batch().to_csv(["x.jpg"])
