"""What is said of an explanation follows its numbers, and a map that fails a check is not recommended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ai_models.core.predictions import OodVerdict, Prediction, Reason
from ai_models.core.records import ImageRecord
from ai_models.evaluation.explanation_json import explanation_json
from ai_models.evaluation.explanation_words import (
    blocks_sentence,
    fidelity_sentence,
    map_checks,
    map_standing,
    nearest_sentence,
    said_sentence,
    score_sentence,
)
from ai_models.explaining import Explanation, HeatMap
from ai_models.explaining.contributions import Contributions
from ai_models.explaining.insertion_deletion import Curves, MapScore
from ai_models.explaining.nearest import Nearest, Neighbour
from ai_models.explaining.surrogate import Fidelity
from ai_models.metrics import Interval


def curves(gain):
    """Return curves of that gain: insertion minus deletion of flat lines."""
    return Curves(np.full(3, 0.5 - gain / 2), np.full(3, 0.5 + gain / 2))


FIDELITY = Fidelity(Interval(0.9, 0.8, 0.95), 0.12, 40, 30)
SCORE = MapScore(curves(0.3), (curves(0.1), curves(0.2)), curves(0.25))
HEAT = HeatMap({"cnn": np.array([[1.0, -1.0]])}, SCORE, "พระ", 0.6, FIDELITY)
SAID = Prediction(
    "พระ",
    0.8,
    {"พระ": 0.8, "b": 0.2},
    ("พระ", "b"),
    0.1,
    0.5,
    OodVerdict.UNSURE,
    Reason.AMBIGUOUS,
    detail="2 classes remain possible",
)
ROWS = [
    Neighbour(ImageRecord(f"{label}/1.jpg", label), Path("x"), d) for label, d in (("b", 0.1), ("พระ", 0.2), ("b", 0.3))
]
FOUND = Explanation(
    SAID, "b", Nearest(tuple(ROWS), 0.25, 30),
    Contributions({"logistic(cnn)": 1.4}, 0.0, 1.4), Contributions({"cnn": 1.0, "hog": 0.2}, 0.2, 1.4), HEAT,
)  # fmt: skip


def test_sentences_carry_the_numbers():
    assert said_sentence(FOUND) == (
        "The model says พระ with 80%, then b with 20%; verdict: unsure (2 classes remain possible). "
        "Classes that remain possible: พระ, b."
    )
    assert "3 training objects: 2 b, 1 พระ. The image is closer to the first of them than 25% of the 30 training " in (
        nearest_sentence(FOUND)
    )
    assert "พระ is 4.1 times as likely as b: a margin of +1.40" in blocks_sentence(FOUND)  # e^1.4 = 4.055
    assert "On 40 training photographs of 30 objects" in fidelity_sentence(HEAT)
    assert "for 90% [80%, 95%], and its probability differs by 0.12 on average. Here it gives 60%" in fidelity_sentence(
        HEAT
    )
    assert (
        "insertion minus deletion is +0.30 (higher is better, at most 1); 2 random maps of the same coarseness: +0.15 "
        "on average, from +0.10 to +0.20; a spot in the middle: +0.25."
    ) in score_sentence(HEAT)


@pytest.mark.parametrize(
    ("p", "words"), [(0.9999, "with over 99%, then b with under 1%;"), (0.994, "with 99%, then b with 1%;")]
)
def test_nothing_is_called_certain(p, words):
    said = replace(SAID, confidence=p, probabilities={"พระ": p, "b": 1 - p})
    assert words in said_sentence(replace(FOUND, prediction=said))


def test_little_to_say():
    assert "is 20 times as likely" in blocks_sentence(replace(FOUND, blocks=FOUND.blocks._replace(total=3.0)))  # e^3
    assert "more than 10,000 times" in blocks_sentence(replace(FOUND, blocks=FOUND.blocks._replace(total=800.0)))
    assert "no other training object" in nearest_sentence(replace(FOUND, nearest=Nearest((), 0.0, 1)))
    assert "was not tested" in score_sentence(replace(HEAT, score=None))


@pytest.mark.parametrize(
    ("change", "standing"),
    [
        ({}, "The map passed its checks"),
        ({"surrogate_class": "b"}, "Do not rely on this map: the stand-in that it is drawn from names b here."),
        ({"fidelity": replace(FIDELITY, agreement=Interval(0.7, 0.6, 0.8))}, "Do not rely on this map: the"),
        ({"score": replace(SCORE, heat_map=curves(0.15))}, "Do not rely on this map: it beats only 1 of 2 "),
        ({"score": replace(SCORE, heat_map=curves(0.22))}, "Read this map with care: it does no better than"),
        ({"score": None}, "The stand-in agrees with the model here; the map itself was not tested."),
    ],
    ids=["good", "another class", "unlike the model", "like random", "like the middle", "not tested"],
)  # fmt: skip
def test_a_map_that_fails_a_check_is_not_recommended(change, standing):
    found = replace(FOUND, heat_map=replace(HEAT, **change))
    assert map_standing(found).startswith(standing)
    assert explanation_json(found)["heat_map"]["standing"] == map_standing(found)
    assert all(check.passed for check in map_checks(found)) is (not change or change == {"score": None})


def test_no_map_no_standing():
    found = replace(FOUND, heat_map=None, no_map="no network")
    assert map_checks(found) == []
    assert map_standing(found) == ""
    assert explanation_json(found)["heat_map"] == {"none_because": "no network"}
