"""Counts in words: photographs never without their objects."""

from __future__ import annotations

from ai_models.core.counts import objects_among, photographs_of, plural


def test_both_numbers_in_the_number_that_fits():
    assert photographs_of(77, 46) == "77 photographs of 46 objects"
    assert photographs_of(1, 1) == "1 photograph of 1 object"
    assert photographs_of(0, 0) == "0 photographs of 0 objects"
    assert photographs_of(5, 1, "copy", "copies") == "5 copies of 1 object"
    assert photographs_of(1, 1, "copy", "copies") == "1 copy of 1 object"
    assert plural(2, "class", "classes") == "2 classes"


def test_objects_of_grouped_and_single_files():
    group_of = {"a": "x", "b": "x", "c": "", "x": ""}
    assert objects_among(["a", "b", "c", "x", "unknown"], group_of) == 4  # x, c, the file x, unknown
    assert objects_among([], group_of) == 0
