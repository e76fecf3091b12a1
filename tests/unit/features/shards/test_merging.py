"""Merging changes where rows lie, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from ai_models.core.errors import OutputError
from ai_models.features import FeatureCache
from ai_models.features import cache as cache_module
from ai_models.features.shards.merging import batches
from ai_models.features.shards.shard import Shard

BLOCK = "hog-" + "0" * 32
GB = 10**9


def key(i: int) -> str:
    return f"{i:064x}"


def fragmented(folder: Path, n: int = 60, each: int = 4) -> tuple[FeatureCache, list[str], np.ndarray]:
    cache = FeatureCache(folder, GB)
    rows = np.random.default_rng(0).normal(size=(n, 3, 4)).astype(np.float32)
    keys = [key(i) for i in range(n)]
    for start in range(0, n, each):
        assert cache.put(BLOCK, keys[start : start + each], rows[start : start + each])
    return cache, keys, rows


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.shard"))


@pytest.mark.parametrize("others_view", [False, True])
def test_rows_are_the_same_in_one_file_and_in_the_order_asked_for(tmp_path: Path, others_view: bool) -> None:
    writer, keys, rows = fragmented(tmp_path)
    reader = FeatureCache(tmp_path, GB)
    if others_view:
        assert reader.view(BLOCK, keys) is not None  # knows the files that will be gone
    order = np.random.default_rng(1).permutation(50)  # ten are not asked for
    writer.merge(BLOCK, [keys[i] for i in order])
    assert len(shards(tmp_path)) == 3  # two hold nothing that was asked for
    for cache in (writer, reader, FeatureCache(tmp_path, GB)):
        view = cache.view(BLOCK, [keys[i] for i in order])
        assert view is not None
        assert not view.flags.owndata
        np.testing.assert_array_equal(view, rows[order])
        copied, present = cache.read(BLOCK, keys)
        assert present.all()
        np.testing.assert_array_equal(copied, rows)
        assert copied.flags.writeable


def test_few_shards_are_left_as_they_are(tmp_path: Path) -> None:
    cache, keys, _ = fragmented(tmp_path, n=32)
    before = shards(tmp_path)
    cache.merge(BLOCK, keys)
    assert shards(tmp_path) == before


def test_rows_that_several_shards_hold_are_kept_once(tmp_path: Path) -> None:
    cache, keys, rows = fragmented(tmp_path)
    for start in range(0, 60, 6):
        cache.put(BLOCK, keys[start : start + 6], rows[start : start + 6])
    other = FeatureCache(tmp_path, GB)
    other.merge(BLOCK, keys)
    np.testing.assert_array_equal(other.read(BLOCK, keys)[0], rows)
    view = other.view(BLOCK, keys)
    np.testing.assert_array_equal(view, rows)
    assert view is not None
    assert not view.flags.owndata


def test_a_damaged_row_is_not_carried_over(tmp_path: Path) -> None:
    cache, keys, rows = fragmented(tmp_path)
    path = shards(tmp_path)[0]
    damaged = FeatureCache(tmp_path, GB)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    cache.merge(BLOCK, keys)
    assert len(shards(tmp_path)) == 15  # it stopped
    copied, present = damaged.read(BLOCK, keys)
    assert present.sum() == 59
    np.testing.assert_array_equal(copied[present], rows[present])
    damaged.merge(BLOCK, keys)
    assert len(shards(tmp_path)) == 1
    assert damaged.read(BLOCK, keys)[1].sum() == 59


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), OutputError("cannot write")])
def test_a_merge_that_fails_deletes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    cache, keys, rows = fragmented(tmp_path)
    before = shards(tmp_path)

    def fail(descriptor: int) -> None:
        raise fault

    monkeypatch.setattr(os, "fsync", fail)
    cache.merge(BLOCK, keys)
    monkeypatch.undo()
    assert set(before) <= set(shards(tmp_path))
    np.testing.assert_array_equal(cache.read(BLOCK, keys)[0], rows)


def test_nothing_is_deleted_before_the_merged_shard_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, keys, _ = fragmented(tmp_path)
    happened: list[str] = []
    fsync, removing = os.fsync, cache_module.remove

    def synced(descriptor: int) -> None:
        happened.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        fsync(descriptor)

    def removed(path: Path) -> int:
        happened.append("remove")
        return removing(path)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(cache_module, "remove", removed)
    cache.merge(BLOCK, keys)
    assert happened == ["file", "folder"] + ["remove"] * 15


def test_batches_stay_below_the_limit_and_leave_out_what_gains_nothing() -> None:
    def sized(name: str, size: int, dtype: type = np.uint8) -> Shard:
        return Shard(Path(name), "b", np.dtype(dtype), (1,), bytes(32 * size), bytes(16 * size), 0)

    made = [sized(str(i), size) for i, size in enumerate([40, 51, 30, 40, 10, 45, 40, 20])]
    made.insert(3, sized("other", 10, np.int8))
    assert [[s.path.name for s in batch] for batch in batches(made, 100)] == [["0", "2"], ["3", "4", "5"], ["6", "7"]]
    assert list(batches(made[:1], 100)) == []
