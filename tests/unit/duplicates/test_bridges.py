"""Images added to a split: nothing placed moves, and what would link two places stays out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.settings import SplitConfig
from ai_models.duplicates import DuplicateEdge
from ai_models.duplicates.bridges import extended_groups, place_of, without_bridges
from ai_models.splitting import crossing_groups, split_manifest


def _extended(rows, edges, given_groups=None):
    places = {r.path: place_of(r) for r in rows if place_of(r)}
    earlier = {r.path: r.group for r in rows if r.group}
    groups, bridges = extended_groups(rows, edges, {**earlier, **(given_groups or {})}, places)
    return [without_bridges(replace(r, group=groups[r.path]), bridges) for r in rows], bridges


def _row(path, group="", side=Split.UNASSIGNED, fold=-1):
    return ImageRecord(path, label="a", group=group, split=side, fold=fold)


OLD = [_row("o1", "g1", Split.TRAIN, 0), _row("o2", "g2", Split.TRAIN, 1), _row("o3", "g3", Split.TEST)]


def test_a_new_image_that_links_two_folds_or_sides_is_left_out_and_the_old_stay():
    edges = [DuplicateEdge("n", "o1", "near"), DuplicateEdge("n", "o2", "near"), DuplicateEdge("m", "o3", "near")]
    rows, bridges = _extended([*OLD, _row("n"), _row("m")], edges)
    assert rows[:3] == OLD
    assert bridges == {"n": (("train", 0), ("train", 1))}
    assert rows[3].split is Split.EXCLUDED
    assert rows[3].group not in {"g1", "g2", "g3"}
    assert rows[4].group == "g3"


def test_a_chain_of_new_images_loses_only_the_one_that_closes_it():
    edges = [DuplicateEdge("n1", "o1", "near"), DuplicateEdge("n1", "n2", "near"), DuplicateEdge("n2", "o3", "near")]
    rows, bridges = _extended([*OLD, _row("n1"), _row("n2")], edges)
    assert list(bridges) == ["n2"]
    assert [r.group for r in rows[:4]] == ["g1", "g2", "g3", "g1"]


def test_a_users_group_links_as_evidence_does():
    rows, bridges = _extended([*OLD, _row("n")], [DuplicateEdge("n", "o1", "near")], {"n": "g3"})
    assert list(bridges) == ["n"]
    assert rows[:3] == OLD


def test_without_an_earlier_split_all_that_is_linked_is_one_object():
    rows = [_row("train/x", "", Split.TRAIN), _row("test/x", "", Split.TEST), _row("n")]
    found, bridges = _extended(rows, [DuplicateEdge("n", "train/x", "near"), DuplicateEdge("n", "test/x", "near")])
    assert not bridges
    assert len({r.group for r in found}) == 1


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_nothing_that_was_placed_ever_moves(data):
    config = SplitConfig(folds=data.draw(st.integers(2, 4)), val_size=data.draw(st.sampled_from([0.0, 0.15])))
    classes = data.draw(st.integers(2, 3))
    old = [
        ImageRecord(f"old{i:02d}", label=f"c{i % classes}", group=f"g{i // classes // 2}c{i % classes}")
        for i in range(classes * 2 * data.draw(st.integers(8, 12)))
    ]
    placed = split_manifest(Manifest(Path("d"), tuple(old)), config)
    n = data.draw(st.integers(1, 12))
    new = [ImageRecord(f"new{i:02d}", label=f"c{data.draw(st.integers(0, classes - 1))}") for i in range(n)]
    paths = [r.path for r in old + new]
    edges = [
        DuplicateEdge(*sorted((row.path, other)), "near")
        for row in new
        for other in data.draw(st.lists(st.sampled_from(paths), max_size=3))
        if other != row.path
    ]
    rows, bridges = _extended([*placed.records, *new], edges)
    grown = split_manifest(Manifest(Path("d"), tuple(rows)), replace(config, seed=data.draw(st.integers(0, 9))))
    after = {r.path: r for r in grown}
    assert all((after[r.path].split, after[r.path].fold) == (r.split, r.fold) for r in placed)
    assert {r.path for r in grown if r.split is Split.EXCLUDED} == set(bridges)
    assert crossing_groups(grown) == {}
    in_folds = {}
    for row in grown.on(Split.TRAIN):
        assert in_folds.setdefault(row.group, row.fold) == row.fold
    again, still = _extended(list(grown.records), edges)
    assert set(still) == set(bridges)
    assert tuple(again) == grown.records
