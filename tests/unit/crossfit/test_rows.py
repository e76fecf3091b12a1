"""Rows that may be fitted on: copies go with their parents, by construction."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.crossfit.copy_check import worth_keeping
from ai_models.crossfit.rows import FittingRows
from ai_models.metrics import PairedDifference


@pytest.fixture
def rows() -> FittingRows:
    photographs = [
        ImageRecord(f"{c}/{i}.png", c, group=f"{c}{i}", split=Split.TRAIN, fold=i % 2) for c in "ab" for i in range(4)
    ]
    copies = [
        ImageRecord(f"aug/{p.label}{n}.png", p.label, group=p.group, source_id=p.path, split=p.split, fold=p.fold)
        for n, p in enumerate((photographs[0], photographs[0], photographs[5]))
    ]
    return FittingRows.of(Manifest(Path("."), (*photographs, *copies)))


def test_photographs_and_copies_are_told_apart(rows: FittingRows) -> None:
    assert rows.photographs.tolist() == list(range(8))
    assert rows.parents.tolist() == [-1] * 8 + [0, 0, 5]
    assert rows.y.tolist() == [0] * 4 + [1] * 4 + [0, 0, 1]


def test_copies_come_only_with_their_own_parent(rows: FittingRows) -> None:
    assert rows.with_copies(np.array([0, 1])).tolist() == [0, 1, 8, 9]
    assert rows.with_copies(np.array([2, 5])).tolist() == [2, 5, 10]
    assert rows.with_copies(np.array([7])).tolist() == [7]


def test_taking_keeps_the_links(rows: FittingRows) -> None:
    taken = rows.take(rows.with_copies(np.array([5, 0])))
    assert taken.parents.tolist() == [-1, -1, 0, 0, 1]
    with pytest.raises(ValueError, match="without the photograph"):
        rows.take(np.array([1, 8]))


def test_new_folds_reach_the_copies(rows: FittingRows) -> None:
    again = rows.refolded(np.arange(8) % 4)
    assert again.folds.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 0, 1]


def test_copies_on_other_backgrounds_are_known_from_the_manifest_and_stay_known():
    parent = ImageRecord("a/1.png", "a", group="1", split=Split.TRAIN, fold=0)
    other = ImageRecord("b/1.png", "b", group="2", split=Split.TRAIN, fold=1)

    def rows(transforms: str) -> FittingRows:
        copy = replace(parent, path="a/1_aug.png", source_id="a/1.png", extra={"transforms": transforms})
        return FittingRows.of(Manifest(Path("x"), (parent, other, copy)))

    assert rows("rotate+background").elsewhere
    assert rows("background").take(np.array([0, 1, 2])).elsewhere
    assert rows("background").refolded(np.array([1, 0])).elsewhere
    assert not rows("rotate+blur").elsewhere
    assert not rows("").elsewhere


@pytest.mark.parametrize(
    ("mean", "se", "help_here", "elsewhere"),
    [(0.03, 0.02, True, True), (0.01, 0.02, False, True), (-0.01, 0.02, False, True), (-0.03, 0.02, False, False)],
)
def test_copies_must_help_here_and_those_for_elsewhere_must_not_harm(mean, se, help_here, elsewhere):
    gain = PairedDifference(mean, se, 20)
    assert worth_keeping(gain, elsewhere=False) is help_here
    assert worth_keeping(gain, elsewhere=True) is elsewhere
