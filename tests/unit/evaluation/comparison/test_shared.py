"""Which photographs two models can be compared on."""

import re
from dataclasses import replace

import numpy as np
import pytest

from ai_models.core.errors import DataError
from ai_models.evaluation.comparison.shared import shared_rows
from ai_models.evaluation.comparison.sides import Side


def side(name, paths, *, labels=None, classes=("a", "b"), groups=None, hashes=None, fitted=(), p=None):
    n = len(paths)
    p = np.tile([0.9, 0.1], (n, 1)) if p is None else np.asarray(p)
    return Side(
        name, "held_out", classes, tuple(paths), tuple(hashes or [""] * n), tuple(labels or ["a"] * n),
        tuple(groups or [f"{name}{i}" for i in range(n)]), p, frozenset(fitted),
    )  # fmt: skip


def test_columns_follow_the_names_and_not_their_order():
    one = side("A", ["x", "y"], labels=["a", "b"], p=[[0.7, 0.3], [0.2, 0.8]])
    other = side("B", ["y", "x"], labels=["b", "a"], classes=("b", "a"), p=[[0.6, 0.4], [0.1, 0.9]])
    rows = shared_rows(one, other)
    assert rows.paths == ("x", "y")
    assert rows.y.tolist() == [0, 1]
    np.testing.assert_array_equal(rows.a, [[0.7, 0.3], [0.2, 0.8]])
    np.testing.assert_array_equal(rows.b, [[0.9, 0.1], [0.4, 0.6]])


def test_other_classes_are_refused():
    with pytest.raises(DataError, match="only 'A' knows 'b'"):
        shared_rows(side("A", ["x"]), side("B", ["x"], classes=("a", "c"), labels=["a"]))


def test_a_photograph_without_counterpart_is_counted():
    rows = shared_rows(side("A", ["x", "y", "z"]), side("B", ["y", "w"]))
    assert (rows.paths, rows.only_a, rows.only_b) == (("y",), 2, 1)


def test_content_pairs_what_lies_elsewhere_and_parts_what_only_has_the_name():
    one = side("A", ["x", "y", "z"], hashes=["1", "2", "3"])
    other = side("B", ["there/x", "y", "z"], hashes=["1", "other", "3"])
    assert shared_rows(one, other).paths == ("x", "z")
    twice = side("A", ["x", "copy"], hashes=["1", "1"])
    with pytest.raises(DataError, match="share no photograph"):
        shared_rows(twice, side("B", ["elsewhere"], hashes=["1"]))


def test_what_the_other_was_fitted_on_is_named_in_the_refusal():
    one = side("A", ["x", "y"], hashes=["1", "2"])
    other = side("B", ["z"], hashes=["3"], fitted=["1", "2"])
    with pytest.raises(DataError, match=re.escape("'B' was fitted on 2 of the 2 photographs that 'A'")):
        shared_rows(one, other)


def test_labels_must_agree():
    with pytest.raises(DataError, match="'x' is labelled 'a' for 'A' and 'b' for 'B'"):
        shared_rows(side("A", ["x"]), side("B", ["x"], labels=["b"]))


def test_one_object_for_either_is_one_object():
    """A joins x and y, B joins y and z: all three stand together."""
    one = side("A", ["x", "y", "z", "w"], groups=["1", "1", "2", "3"])
    other = side("B", ["x", "y", "z", "w"], groups=["p", "q", "q", "r"])
    groups = shared_rows(one, other).groups
    assert len(set(groups[:3])) == 1
    assert groups[3] != groups[0]
    apart = shared_rows(replace(one, groups=("1", "2", "3", "4")), replace(other, groups=("1", "2", "3", "4")))
    assert len(set(apart.groups)) == 4
