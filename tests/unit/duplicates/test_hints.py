import pytest

from ai_models.core.errors import ConfigError, DataError
from ai_models.duplicates import DuplicateEdge, burst_edges, edges_within, pattern_groups
from ai_models.duplicates.hints import MOST_OF_A_BURST

PATHS = ["phra/amulet12_front.jpg", "phra/amulet12_back.jpg", "phra/amulet13_front.jpg", "พระ/other.jpg"]


def test_a_pattern_names_objects():
    assert pattern_groups(PATHS, r"amulet(\d+)_(?:front|back)") == dict(zip(PATHS, ("12", "12", "13"), strict=False))
    assert pattern_groups(PATHS, r"amulet\d+")[PATHS[1]] == "amulet12"
    assert pattern_groups(PATHS, r"^([^/]+)/(\w+)_")[PATHS[0]] == "phra/amulet12"


def test_a_pattern_that_is_none_or_finds_nothing_is_refused():
    with pytest.raises(ConfigError, match="regular expression"):
        pattern_groups(PATHS, "(")
    with pytest.raises(DataError, match="found in no path"):
        pattern_groups(PATHS, "coin")


def test_every_member_is_joined():
    assert edges_within({"a": "1", "b": "2", "c": "1", "d": "1"}, "pattern") == [
        DuplicateEdge("a", "c", "pattern"),
        DuplicateEdge("a", "d", "pattern"),
    ]


def shots(*seconds, camera="Pear X", label="a"):
    return {f"{label}{i}": (camera, f"2026-05-04T12:00:{s:09.6f}", label) for i, s in enumerate(seconds)}


def test_shots_right_after_one_another_are_joined():
    found = burst_edges(shots(1, 1.5, 2.2, 9, 30, 30.9), 1.0)
    assert [(e.a, e.b, e.kind) for e in found] == [("a0", "a1", "burst"), ("a1", "a2", "burst"), ("a4", "a5", "burst")]
    assert burst_edges(shots(1, 1.5), 0) == []


def test_what_is_no_burst():
    assert burst_edges({**shots(1), **shots(1.2, camera="Other", label="b")}, 1.0) == []  # two cameras
    assert burst_edges({**shots(1), **shots(1.2, label="b")}, 1.0) == []  # two classes
    assert burst_edges(shots(1, 1.2, camera=""), 1.0) == []  # no camera known
    assert burst_edges({"a": ("x", "", "a"), "b": ("x", "", "a")}, 1.0) == []  # no time known
    assert burst_edges(shots(*[5.0] * (MOST_OF_A_BURST + 1)), 1.0) == []  # a clock that stands still
    assert len(burst_edges(shots(*[5.0] * MOST_OF_A_BURST), 1.0)) == MOST_OF_A_BURST - 1


def test_a_time_with_a_zone_is_read():
    times = {"a": ("x", "2026-05-04T12:00:01+07:00", "p"), "b": ("x", "2026-05-04T12:00:01.500000+07:00", "p")}
    assert len(burst_edges(times, 1.0)) == 1
