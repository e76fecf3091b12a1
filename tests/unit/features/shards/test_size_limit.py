"""The limit holds, by one process and by several."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest

from ai_models.features import FeatureCache

BLOCK = "hog-" + "0" * 32
LIMIT = 2_000_000


def used(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def write(folder: Path, number: int, count: int) -> None:
    cache = FeatureCache(folder, LIMIT)
    for i in range(count):
        cache.put(BLOCK, [f"{number:032x}{i:032x}"], np.full((1, 10_000), number, dtype=np.uint8))


def test_the_limit_holds_at_every_moment_with_several_writers(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn" if os.name == "nt" else "fork")
    writers = [context.Process(target=write, args=(tmp_path, number, 150)) for number in range(4)]
    for writer in writers:
        writer.start()
    highest = 0
    while any(writer.is_alive() for writer in writers):
        highest = max(highest, used(tmp_path))
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert highest <= LIMIT  # of 6 MB that were written
    assert used(tmp_path) >= 0.7 * LIMIT


def test_what_does_not_fit_is_not_written_and_removes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = FeatureCache(tmp_path, LIMIT)
    assert cache.put(BLOCK, ["a"], np.zeros((1, 1000), dtype=np.uint8))
    assert not cache.put(BLOCK, ["b"], np.zeros((1, LIMIT), dtype=np.uint8))
    assert "limit" in caplog.text
    assert set(cache.get(BLOCK, ["a", "b"])) == {"a"}


def test_what_a_killed_process_left_is_removed_after_an_hour(tmp_path: Path) -> None:
    folder = tmp_path / BLOCK
    folder.mkdir()
    now = time.time()
    for name, age in ((".00aa.part", 3700), (".00bb.part", 60), ("mine.part", 9000)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (now - age, now - age))
    FeatureCache(tmp_path, LIMIT).put(BLOCK, ["a"], np.zeros((1, 10), dtype=np.uint8))
    assert {path.name for path in folder.glob("*.part")} | {p.name for p in folder.glob(".*.part")} == {
        ".00bb.part", "mine.part",
    }  # fmt: skip
