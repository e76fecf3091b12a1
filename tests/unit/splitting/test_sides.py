"""Sides and folds of a manifest."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from ai_models.core.errors import SplitRefusedError
from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.settings import SplitConfig
from ai_models.splitting import crossing_groups, split_for_training, split_manifest, summary


def _manifest(*rows: ImageRecord) -> Manifest:
    return Manifest(Path("data"), rows)


def _photographs(sizes: dict[str, int], *, side: Split = Split.UNASSIGNED) -> list[ImageRecord]:
    return [
        ImageRecord(f"{side}{c}/{i}.jpg", label=c, group=f"{side}{c}{i}", split=side)
        for c, n in sizes.items()
        for i in range(n)
    ]


def _by_class(manifest: Manifest, side: Split) -> dict[str, int]:
    return dict(Counter(r.label for r in manifest.originals() if r.split is side))


def test_shares_of_each_class_and_folds_among_training_rows_only():
    split = split_manifest(_manifest(*_photographs({"a": 40, "b": 20})), SplitConfig(seed=1))
    assert _by_class(split, Split.TEST) == {"a": 6, "b": 3}
    assert _by_class(split, Split.VAL) == {"a": 6, "b": 3}
    assert _by_class(split, Split.TRAIN) == {"a": 28, "b": 14}
    assert {r.fold for r in split.on(Split.TRAIN)} == {0, 1, 2, 3, 4}
    assert {r.fold for r in split.on(Split.VAL, Split.TEST)} == {-1}


def test_sizes_of_zero_make_no_side():
    split = split_manifest(_manifest(*_photographs({"a": 6, "b": 6})), SplitConfig(test_size=0, val_size=0))
    assert {r.split for r in split} == {Split.TRAIN}


def test_copies_follow_and_the_unlabelled_and_excluded_stay_out():
    rows = _photographs({"a": 12, "b": 12})
    rows += [ImageRecord(f"aug/{r.path}", label=r.label, group=r.group, source_id=r.path) for r in rows]
    rows += [ImageRecord("x.jpg"), ImageRecord("bad.jpg", label="a", split=Split.EXCLUDED)]
    split = split_manifest(_manifest(*rows), SplitConfig(folds=3))
    place = {r.path: (r.split, r.fold) for r in split}
    assert all(place[r.path] == place[r.source_id] for r in split.copies())
    assert place["x.jpg"] == place["bad.jpg"] == (Split.EXCLUDED, -1)


def test_a_second_split_changes_nothing_and_new_images_move_no_old_one():
    first = split_manifest(_manifest(*_photographs({"a": 30, "b": 20})), SplitConfig(seed=2))
    assert split_manifest(first, SplitConfig(seed=9)) == first
    joining = replace(first.records[0], path="a/new-view.jpg", split=Split.UNASSIGNED, fold=-1)
    more = [ImageRecord(f"new/{i}.jpg", label="ab"[i % 2], group=f"new{i}") for i in range(20)]
    grown = split_manifest(_manifest(*first.records, *more, joining), SplitConfig(seed=9))
    place = {r.path: (r.split, r.fold) for r in grown}
    assert all(place[r.path] == (r.split, r.fold) for r in first)
    assert place["a/new-view.jpg"] == place[first.records[0].path]
    assert {side for path, (side, _) in place.items() if path.startswith("new/")} >= {Split.TRAIN, Split.TEST}


def test_another_number_of_folds_divides_again():
    first = split_manifest(_manifest(*_photographs({"a": 30, "b": 20})), SplitConfig(folds=5))
    again = split_manifest(first, SplitConfig(folds=3))
    assert [r.split for r in again] == [r.split for r in first]
    assert {r.fold for r in again.on(Split.TRAIN)} == {0, 1, 2}


def test_sides_of_folders_are_honoured_and_only_folds_are_added():
    rows = _photographs({"a": 10, "b": 10}, side=Split.TRAIN) + _photographs({"a": 4, "b": 4}, side=Split.TEST)
    split = split_for_training(_manifest(*rows), test_size=0.2, folds=5, seed=0)
    assert [r.split for r in split] == [r.split for r in rows]
    assert {r.fold for r in split.on(Split.TRAIN)} == {0, 1, 2, 3, 4}


def test_a_group_on_two_sides_loses_its_training_rows():
    rows = _photographs({"a": 6, "b": 6}, side=Split.TRAIN) + _photographs({"a": 2, "b": 2}, side=Split.TEST)
    rows += [
        ImageRecord("train/twin.jpg", label="a", group="twin", split=Split.TRAIN),
        ImageRecord("test/twin.jpg", label="a", group="twin", split=Split.TEST),
        ImageRecord("new-twin.jpg", label="a", group="twin"),
    ]
    manifest = _manifest(*rows)
    assert crossing_groups(manifest) == {"twin": (Split.TRAIN, Split.TEST)}
    split = split_manifest(manifest, SplitConfig(folds=3))
    place = {r.path: r.split for r in split}
    assert place["train/twin.jpg"] is place["new-twin.jpg"] is Split.EXCLUDED
    assert place["test/twin.jpg"] is Split.TEST
    assert crossing_groups(split) == {}


def test_old_folds_that_a_new_image_joins_become_one():
    first = split_manifest(_manifest(*_photographs({"a": 12, "b": 12})), SplitConfig(test_size=0, val_size=0, folds=3))
    low, high = (next(r for r in first if r.label == "a" and r.fold == f) for f in (0, 2))
    joined = first.map(lambda r: replace(r, group=low.group) if r.path == high.path else r)
    folds = {r.path: r.fold for r in split_manifest(joined, SplitConfig(test_size=0, val_size=0, folds=3))}
    assert folds[low.path] == folds[high.path] == 0


@pytest.mark.parametrize(
    ("sizes", "config", "words"),
    [
        ({"a": 9}, SplitConfig(), "at least two classes are needed.*only 'a'"),
        ({}, SplitConfig(), "has none"),
        ({"a": 20, "b": 1}, SplitConfig(), "'b' has 1 group of.*need 7: set --test-size to 0, set --val-size to 0"),
        ({"a": 20, "b": 6}, SplitConfig(), "class 'b' has 6 groups.*need 7: lower the folds to 4, set --test-size"),
        ({"a": 20, "b": 8}, SplitConfig(test_size=0.7, val_size=0), "'b' has 2 groups left.*lower the folds to 2"),
    ],
)  # fmt: skip
def test_refusals_say_which_class_and_what_to_do(sizes, config, words):
    with pytest.raises(SplitRefusedError, match=words):
        split_manifest(_manifest(*_photographs(sizes)), config)


def test_a_class_that_stands_only_on_the_test_side_is_refused():
    rows = _photographs({"a": 6, "b": 6}, side=Split.TRAIN) + _photographs({"a": 2, "b": 2, "c": 2}, side=Split.TEST)
    with pytest.raises(SplitRefusedError, match="class 'c' has no images on the train side"):
        split_for_training(_manifest(*rows), test_size=0.2, folds=3, seed=0)


def test_the_summary_counts_photographs_and_groups():
    rows = _photographs({"a": 4, "b": 4}, side=Split.TRAIN)
    rows += [replace(rows[0], path="a/again.jpg")]
    rows += [replace(rows[0], path="copy.jpg", source_id=rows[0].path), ImageRecord("x.jpg", split=Split.EXCLUDED)]
    assert summary(_manifest(*rows)).splitlines() == [
        "class       train  val  test  excluded  copies",
        "(no class)      -    -     -     1 (1)       -",
        "a           5 (4)    -     -         -   1 (1)",
        "b           4 (4)    -     -         -       -",
        "all         9 (8)    -     -     1 (1)   1 (1)",
        "photographs (groups)",
    ]
