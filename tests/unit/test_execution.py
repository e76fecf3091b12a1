"""Order, bounded look-ahead, thread limits and clean ends of the one parallel map."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest
from threadpoolctl import threadpool_info

from ai_models import execution
from ai_models.core.errors import ConfigError
from ai_models.execution import map_ordered, single_threaded_libraries, worker_count


def _square(x: int) -> int:
    return x * x


def test_zero_workers_means_one_a_core() -> None:
    assert worker_count(0) >= 1
    assert worker_count(3) == 3


def test_negative_workers_are_refused() -> None:
    with pytest.raises(ConfigError, match="workers must be at least 0"):
        worker_count(-1)
    with pytest.raises(ConfigError, match="backend must be one of"):
        map_ordered(_square, [1], workers=1, backend="fibres")  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_threads_keep_the_order_of_the_items(workers: int) -> None:
    def late_first(x: int) -> int:
        time.sleep(0.002 * (x % 3 == 0))
        return x

    assert list(map_ordered(late_first, range(50), workers=workers)) == list(range(50))
    assert list(map_ordered(late_first, (x for x in range(9)), workers=workers)) == list(range(9))
    assert list(map_ordered(late_first, [], workers=workers)) == []


def test_processes_keep_the_order_and_carry_closures() -> None:
    shift = 7
    results = list(map_ordered(lambda x: x + shift, range(45), workers=2, backend="processes"))
    assert results == [x + 7 for x in range(45)]
    assert list(map_ordered(lambda x: x - shift, iter(range(5)), workers=2, backend="processes")) == [
        -7,
        -6,
        -5,
        -4,
        -3,
    ]


@pytest.mark.parametrize("backend", ["threads", "processes"])
def test_an_error_comes_at_its_turn_and_the_map_can_be_used_again(backend: str) -> None:
    def fail_at_three(x: int) -> int:
        if x == 3:
            raise LookupError("three")
        return x

    results = map_ordered(fail_at_three, range(100), workers=2, backend=backend)  # type: ignore[arg-type]
    got = []
    with pytest.raises(LookupError, match="three"):
        got.extend(iter(results))
    assert got in ([0, 1, 2], [])  # a process answers for a chunk at a time
    again = map_ordered(lambda x: x * x, range(4), workers=2, backend=backend)  # type: ignore[arg-type]
    assert list(again) == [0, 1, 4, 9]


def test_items_are_drawn_only_a_little_ahead() -> None:
    drawn = 0

    def source():
        nonlocal drawn
        for x in range(10_000):
            drawn += 1
            yield x

    results = map_ordered(_square, source(), workers=2)
    for _ in range(10):
        next(results)
    assert drawn <= 10 + 2 * 4
    results.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("ending", [KeyboardInterrupt, ValueError, None])
def test_an_early_end_stops_the_workers_and_restores_the_limits(ending: type[BaseException] | None) -> None:
    before = cv2.getNumThreads()
    started = []

    def work(x: int) -> int:
        started.append(x)
        time.sleep(0.005)
        return x

    def consume() -> None:
        results = map_ordered(work, range(1000), workers=3)
        next(results)
        try:
            if ending is not None:
                raise ending
        finally:
            results.close()  # type: ignore[attr-defined]

    if ending is None:
        consume()
    else:
        with pytest.raises(ending):
            consume()
    assert len(started) < 30
    assert not [t.name for t in threading.enumerate() if t.name.startswith("map")]
    assert cv2.getNumThreads() == before


def test_an_interrupt_inside_a_worker_reaches_the_caller() -> None:
    def interrupted(x: int) -> int:
        if x == 2:
            raise KeyboardInterrupt
        return x

    with pytest.raises(KeyboardInterrupt):
        list(map_ordered(interrupted, range(50), workers=2))


@pytest.mark.parametrize("backend", ["threads", "processes"])
@pytest.mark.parametrize("workers", [1, 2])
def test_workers_run_every_library_on_one_thread(backend: str, workers: int) -> None:
    def threads(_: int) -> tuple[int, int]:
        np.ones((4, 4)) @ np.ones((4, 4))
        return cv2.getNumThreads(), max((pool["num_threads"] for pool in threadpool_info()), default=1)

    seen = set(map_ordered(threads, range(8), workers=workers, backend=backend))  # type: ignore[arg-type]
    assert seen == {(1, 1)}


def test_limits_nest_across_threads_and_are_restored_by_the_last() -> None:
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        first, second = single_threaded_libraries(), single_threaded_libraries()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert cv2.getNumThreads() == 1
        second.__exit__(None, None, None)
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)


def test_a_label_shows_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(map_ordered(_square, range(3), workers=2, label="squares")) == [0, 1, 4]
    assert "squares" in capsys.readouterr().err
    assert list(map_ordered(_square, (x for x in range(3)), workers=2, label="unknown")) == [0, 1, 4]
    assert "3" in capsys.readouterr().err


def test_libraries_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    real = execution.ThreadpoolController
    monkeypatch.setattr(execution, "_LIBRARIES", execution._Libraries())
    monkeypatch.setattr(execution, "ThreadpoolController", lambda: looked.append(1) or real())
    for _ in range(3):
        with single_threaded_libraries():
            pass
    assert looked == [1]


def test_libraries_that_are_loaded_later_are_limited_too() -> None:
    script = """
from threadpoolctl import threadpool_info
from ai_models.execution import single_threaded_libraries
with single_threaded_libraries():
    pass
before = len(threadpool_info())
import sklearn.ensemble
assert len(threadpool_info()) > before, "nothing new was loaded: the test says nothing"
with single_threaded_libraries():
    assert {pool["num_threads"] for pool in threadpool_info()} == {1}, threadpool_info()
assert max(pool["num_threads"] for pool in threadpool_info()) > 1
"""
    env = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "PATH": ""}
    env |= {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
    subprocess.run([sys.executable, "-c", script], check=True, env=env)
