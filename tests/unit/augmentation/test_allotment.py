"""How many copies each class and photograph gets, by the formula."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_models.augmentation import allot
from ai_models.core.errors import DataError
from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.settings import AugmentationConfig


def rows(label: str, n: int, split: Split = Split.TRAIN) -> list[ImageRecord]:
    return [ImageRecord(f"{label}/{i}.jpg", label, f"{label}-{i}", 64, 64, split=split) for i in range(n)]


def manifest(*parts: list[ImageRecord]) -> Manifest:
    return Manifest(Path("root"), tuple(r for part in parts for r in part))


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.dictionaries(st.sampled_from("abcd"), st.integers(1, 30), min_size=1),
    target=st.integers(0, 60),
    factor=st.floats(0, 6),
)
def test_shares_follow_the_formula(sizes: dict[str, int], target: int, factor: float) -> None:
    config = AugmentationConfig(target_samples=target, augmentation_factor=factor)
    shares = allot(manifest(*(rows(label, n) for label, n in sizes.items())), config)
    largest = max(sizes.values())
    for label, n in sizes.items():
        share = shares[label]
        assert share.photographs == n
        assert share.copies == max(0, min((target or largest) - n, round(factor * n)))
        each = [copies for _, copies in share.parents]
        assert sum(each) == share.copies
        if share.copies >= n:
            assert len(each) == n
        assert not each or max(each) - min(each) <= 1
        assert share.strength == pytest.approx(1.5 - 0.5 * n / largest)


def test_only_readable_labelled_training_rows_count() -> None:
    unlabelled = [ImageRecord("x.jpg", "", "x", 9, 9, split=Split.TRAIN)]
    unreadable = [replace(rows("a", 1)[0], path="bad.jpg", sha256="bad", width=0)]
    unseen = [replace(rows("a", 1)[0], path="new.jpg", sha256="", width=0)]  # a table with paths and labels alone
    data = manifest(rows("a", 2), unlabelled, unreadable, unseen, rows("b", 9, Split.TEST), rows("c", 6, Split.VAL))
    shares = allot(data, AugmentationConfig(target_samples=10, augmentation_factor=9))
    assert {label: (s.photographs, s.copies) for label, s in shares.items()} == {"a": (3, 7)}
    assert {r.path for r, _ in shares["a"].parents} == {"a/0.jpg", "a/1.jpg", "new.jpg"}


def test_identical_files_are_one_parent() -> None:
    twins = [replace(r, sha256="same") for r in rows("a", 4)]
    shares = allot(manifest(twins, rows("b", 8)), AugmentationConfig())
    assert [(r.path, n) for r, n in shares["a"].parents] == [("a/0.jpg", 4)]


def test_the_order_of_rows_does_not_matter() -> None:
    data = [*rows("a", 7), *rows("b", 10)]
    config = AugmentationConfig()
    forwards, backwards = (allot(manifest(x), config)["a"].parents for x in (data, data[::-1]))
    assert sorted((r.path, n) for r, n in forwards) == sorted((r.path, n) for r, n in backwards)
    other = allot(manifest(data), config.replace(seed=1))["a"].parents
    assert sorted(r.path for r, _ in forwards) != sorted(r.path for r, _ in other)


def test_what_cannot_be_augmented_is_refused() -> None:
    with pytest.raises(DataError, match=r"none of the 3 rows is a readable, labelled training row.*split"):
        allot(manifest(rows("a", 3, Split.UNASSIGNED)), AugmentationConfig())
    copy = replace(rows("a", 1)[0], path="copy.jpg", source_id="a/0.jpg")
    with pytest.raises(DataError, match="already holds augmented copies"):
        allot(manifest(rows("a", 1), [copy]), AugmentationConfig())
