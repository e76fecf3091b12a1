"""The quality of a photograph against that of the training photographs."""

from __future__ import annotations

import numpy as np
import pytest

from ai_models.ensemble.photograph_quality import QualityTest

GOOD = np.array([0.9, 0.9, 0.9, 0.76, 0.0], dtype=np.float32)


def rows(blur: np.ndarray) -> np.ndarray:
    """Photographs that differ in sharpness alone."""
    out = np.repeat(GOOD[None], len(blur), axis=0)
    out[:, 0] = blur
    return out


def test_the_p_value_counts_the_objects_that_are_as_bad() -> None:
    test = QualityTest().fit(rows(np.repeat(np.linspace(0.2, 0.8, 99), 2)), np.repeat(np.arange(99), 2))
    found = test.test(rows(np.array([0.1, 0.25, 0.9])))
    worse = (np.linspace(0.2, 0.8, 99) <= 0.25).sum()
    assert found.p_values == pytest.approx([0.01, (1 + worse) / 100, 1.0])
    assert found.faults[0] == "blurred"
    assert not found.hopeless.any()


@pytest.mark.parametrize(
    ("column", "value", "bright", "word"),
    [
        (0, 0.05, 0, "blurred"), (1, 0.05, 0, "too dark"), (1, 0.05, 1, "too bright"), (2, 0.1, 0, "low contrast"),
        (3, 0.1, 0, "low resolution"), (2, 0.0, 0, "blank"), (3, 0.0, 0, "too small"),
    ],
)  # fmt: skip
def test_what_is_worst_is_named(column: int, value: float, bright: int, word: str) -> None:
    row = GOOD.copy()
    row[[column, 4]] = value, bright
    found = QualityTest().fit(rows(np.full(50, 0.7)), np.arange(50)).test(row[None])
    assert found.faults == (word,)
    assert found.p_values[0] == pytest.approx(1 / 51)
    assert found.hopeless[0] == (word in ("blank", "too small"))


def test_what_training_photographs_are_is_not_hopeless() -> None:
    blank = rows(np.full(50, 0.7))
    blank[0, 2] = 0.0
    found = QualityTest().fit(blank, np.arange(50)).test(blank[:1])
    assert not found.hopeless[0]
    assert found.p_values[0] == pytest.approx(2 / 51)


@pytest.mark.parametrize(("objects", "share"), [(18, 0.0), (38, 0.0), (39, 0.025), (99, 0.01), (199, 0.01)])
def test_quality_spends_a_part_of_the_rate_and_never_all(objects: int, share: float) -> None:
    test = QualityTest().fit(rows(np.full(objects, 0.7)), np.arange(objects))
    assert test.allowance(0.05) == pytest.approx(share)


def test_known_photographs_are_called_bad_as_seldom_as_allowed() -> None:
    rng = np.random.default_rng(0)
    alarms = []
    for _ in range(400):
        drawn = rows(rng.beta(4, 2, 100).astype(np.float32))
        test = QualityTest().fit(drawn[:99], np.arange(99))
        alarms.append(test.test(drawn[99:]).p_values[0] <= test.allowance(0.05))
    assert np.mean(alarms) <= 0.01 + 2 * np.sqrt(0.01 * 0.99 / 400)
