"""Kinds in which errors gather: found by column and by word, once an object, corrected for what was looked at."""

from __future__ import annotations

import numpy as np
import pytest

from ai_models.core.records import ImageRecord
from ai_models.evaluation.sub_kinds import find_sub_kinds, name_words


def rows(*, backs_wrong: int, fronts_wrong: int, column: bool, k: int = 2):
    """Return k classes of 12 backs and 12 fronts each, so many of either wrong in every class."""
    records, wrong = [], []
    for label in [f"class_{c}" for c in range(k)]:
        for i in range(24):
            side = "back" if i < 12 else "front"
            name = f"{label}/{i:03}.jpg" if column else f"{label}/{side}_{i:03}.jpg"
            records.append(ImageRecord(name, label, group=f"{label}{i}", extra={"side": side} if column else {}))
            wrong.append(i < backs_wrong or 12 <= i < 12 + fronts_wrong)
    return records, np.array([r.group for r in records]), np.array(wrong)


@pytest.mark.parametrize(("column", "name"), [(True, "side = back"), (False, "back")])
def test_backs_that_go_wrong_are_named(column, name):
    found, looked = find_sub_kinds(*rows(backs_wrong=6, fronts_wrong=1, column=column))
    assert found[0].name == name
    assert found[0].label == ""  # all classes together are surer than each
    assert found[0].in_class("class_0")[:] == (24, 7, 12, 6)
    assert looked == 6  # two sides, in each class and together
    assert found[0].corrected >= found[0].p


@pytest.mark.parametrize(("backs", "fronts"), [(3, 3), (0, 0), (12, 12), (3, 2)])
def test_even_errors_name_nothing(backs, fronts):
    assert find_sub_kinds(*rows(backs_wrong=backs, fronts_wrong=fronts, column=True))[0] == ()


def test_ten_photographs_of_an_object_count_once():
    """One wrong back seen ten times is no gathering."""
    records, groups, wrong = rows(backs_wrong=1, fronts_wrong=0, column=True, k=1)
    records, groups = [*records, *[records[0]] * 9], np.append(groups, [groups[0]] * 9)
    assert find_sub_kinds(records, groups, np.append(wrong, [True] * 9))[0] == ()


def test_a_kind_of_one_class_is_told_of_that_class():
    records, groups, wrong = rows(backs_wrong=8, fronts_wrong=0, column=True, k=3)
    wrong &= np.array([r.label == "class_1" for r in records])
    found, _ = find_sub_kinds(records, groups, wrong)
    assert found[0].label == "class_1"
    assert found[0].in_class("class_0") is None


def test_columns_that_name_photographs_and_rare_kinds_are_passed_over():
    records, groups, wrong = rows(backs_wrong=6, fronts_wrong=1, column=True)
    sheets = [ImageRecord(f"a/{i}.jpg", "a", group=str(i), extra={"sheet": f"s{i // 4}"}) for i in range(96)]
    first = np.arange(96) < 4  # all of one sheet
    assert find_sub_kinds(sheets, np.arange(96).astype(str), first) == ((), 0)
    few = [
        ImageRecord(r.path, "a", group=r.group, extra={"sheet": "s0" if i < 4 else "s1"}) for i, r in enumerate(sheets)
    ]
    assert find_sub_kinds(few, np.arange(96).astype(str), first)[0][0].name == "sheet = s0"
    rare = [ImageRecord(r.path, r.label, group=r.group, extra={"odd": str(i < 2)}) for i, r in enumerate(records)]
    assert find_sub_kinds(rare, groups, wrong) == ((), 0)


@pytest.mark.parametrize(
    ("path", "label", "words"),
    [
        ("wat_nong/back__wat_nong_back_001.jpg", "wat_nong", {"back"}),
        ("train/shoe/left/IMG_2031 (2).jpg", "shoe", {"left", "img"}),
        ("พระรอด/ด้านหลัง-01.jpg", "พระรอด", {"ด้านหลัง"}),
        ("3f.jpg", "a", {"f"}),
    ],
)
def test_words_of_a_path(path, label, words):
    assert name_words(path, label) == words
