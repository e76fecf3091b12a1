"""Features that processes share come back as they are, as files or, where none can be written, as they were given."""

from __future__ import annotations

import errno
import logging
import pickle
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from ai_models.crossfit import mapped_rows
from ai_models.crossfit.mapped_rows import mapped
from ai_models.execution import Engine, handing_over
from ai_models.features import RawFeatures


def _raw() -> RawFeatures:
    rng = np.random.default_rng(0)
    blocks = {"cnn": rng.normal(size=(5, 3)).astype(np.float32), "../sift": rng.integers(0, 9, (5, 4, 2), np.uint8)}
    other = {name: rows[::-1].copy() for name, rows in blocks.items()}
    return RawFeatures(blocks, {2: "cut off"}, np.ones((5, 5), np.float32), RawFeatures(other, {}))


def _same(found: RawFeatures, expected: RawFeatures) -> None:
    assert list(found.blocks) == list(expected.blocks)
    for name, rows in expected.blocks.items():
        assert found.blocks[name].dtype == rows.dtype
        np.testing.assert_array_equal(found.blocks[name], rows)
        assert type(found.blocks[name][[0]]) is np.ndarray
    assert found.errors == expected.errors
    assert (found.closer is None) == (expected.closer is None)
    if found.closer is not None and expected.closer is not None:
        _same(found.closer, expected.closer)


def test_a_task_carries_a_path_and_finds_the_rows(tmp_path: Path) -> None:
    raw = _raw()
    large = RawFeatures({"cnn": np.zeros((1000, 1000), np.float32)})
    with mapped(raw, tmp_path, workers=2, tasks=3) as shared:
        _same(pickle.loads(pickle.dumps(shared)).open(), raw)
        assert {path.parent for path in tmp_path.rglob("*.npy")} <= {*tmp_path.iterdir(), *tmp_path.glob("*/closer")}
    with mapped(large, tmp_path, workers=2, tasks=3) as shared:
        assert len(pickle.dumps(shared)) < 2000
        assert not shared.open().blocks["cnn"].flags.writeable
    assert not list(tmp_path.iterdir()), "files are there only for as long as they are needed"


def test_files_go_also_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), mapped(_raw(), tmp_path, workers=2, tasks=3):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("workers", "tasks", "engine"), [(1, 3, False), (2, 1, False), (2, 0, False), (2, 3, True)])
def test_where_no_process_is_started_here_no_files_are_needed(
    workers: int, tasks: int, engine: bool, tmp_path: Path
) -> None:
    raw = _raw()
    elsewhere = handing_over(mock.Mock(spec=Engine)) if engine else nullcontext()
    with elsewhere, mapped(raw, tmp_path, workers=workers, tasks=tasks) as shared:
        assert shared.open() is raw
        assert not list(tmp_path.iterdir())


def test_a_full_disk_costs_memory_and_not_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(mapped_rows.np, "save", full)
    raw = _raw()
    with caplog.at_level(logging.WARNING, "ai_models"), mapped(raw, tmp_path, workers=2, tasks=3) as shared:
        _same(pickle.loads(pickle.dumps(shared)).open(), raw)
    assert "as a copy" in caplog.text
    assert not list(tmp_path.iterdir())
