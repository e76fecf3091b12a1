"""The benchmark of intervals on a few small folders."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("intervals_of_benchmarks", BENCHMARKS / "intervals.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_folder_is_judged_both_ways_and_with_both_errors(benchmark):
    found = {
        (protocol, error, figure): value for protocol, error, figure, value, _ in benchmark.folder(0, "10 objects")
    }
    assert {key[:2] for key in found} == {
        ("out of fold", "as shipped"), ("out of fold", "no inflation"), ("out of fold", "rows for objects"),
        ("held out", "as shipped"), ("held out", "rows for objects"),
    }  # fmt: skip
    for figure in ("accuracy", "balanced accuracy", "log loss", "Brier score"):
        shipped, naive, rows = (
            np.diff(found["out of fold", error, figure][1:3])[0]
            for error in ("as shipped", "no inflation", "rows for objects")
        )
        assert naive < shipped, figure
        assert rows < shipped, figure


def test_the_truth_is_the_shipped_models_own(benchmark):
    """Equal folders, equal truths; and where objects are plenty the figure is near its truth."""
    again = [row[4] for row in benchmark.folder(3, "40 objects")]
    assert again == [row[4] for row in benchmark.folder(3, "40 objects")]
    for protocol, error, figure, value, truth in benchmark.folder(3, "40 objects"):
        if (protocol, error, figure) == ("out of fold", "as shipped", "accuracy"):
            assert value.estimate == pytest.approx(truth, abs=0.08)
