from ai_models.core.records import ImageRecord
from ai_models.duplicates import DuplicateEdge, connected_groups, merged_user_groups

ROWS = [ImageRecord(path, sha256=digest * 64) for path, digest in zip("abcdef", "593170", strict=True)]


def test_a_group_is_named_by_its_smallest_content():
    groups = connected_groups(ROWS, [DuplicateEdge("a", "b", "near"), DuplicateEdge("b", "c", "bytes")])
    assert groups == {
        "a": "g-3333333333", "b": "g-3333333333", "c": "g-3333333333",
        "d": "g-1111111111", "e": "g-7777777777", "f": "g-0000000000",
    }  # fmt: skip


def test_names_do_not_depend_on_order_or_on_paths():
    edges = [DuplicateEdge("a", "b", "near"), DuplicateEdge("c", "d", "near")]
    assert connected_groups(ROWS, edges) == connected_groups(ROWS[::-1], edges[::-1])


def test_user_groups_join_and_give_their_name():
    groups = connected_groups(ROWS, [DuplicateEdge("b", "c", "near")], {"a": "box 1", "b": "box 1"})
    assert [groups[p] for p in "abc"] == ["box 1"] * 3
    assert groups["d"] == "g-1111111111"


def test_evidence_between_two_user_groups_joins_them_and_is_told():
    user = {"a": "x", "b": "x", "c": "m", "d": "", "e": "z"}
    groups = connected_groups(ROWS, [DuplicateEdge("b", "c", "near")], user)
    assert [groups[p] for p in "abce"] == ["m", "m", "m", "z"]
    assert merged_user_groups(groups, user) == [("m", "x")]


def test_a_name_that_the_user_took_is_not_taken_again():
    groups = connected_groups(ROWS, [], {"a": "g-1111111111"})
    assert groups["a"] == "g-1111111111"
    assert groups["d"] == f"g-{'1' * 64}"


def test_copies_follow_their_parent_and_join_nothing():
    rows = [*ROWS, ImageRecord("a-1", sha256="5" * 64, source_id="a")]
    groups = connected_groups(rows, [DuplicateEdge("a-1", "b", "near")])
    assert groups["a-1"] == groups["a"] != groups["b"]


def test_edges_to_unknown_paths_are_passed_over():
    assert connected_groups(ROWS, [DuplicateEdge("a", "gone", "near")]) == connected_groups(ROWS, [])
