"""The cache never gives what was not put, and never stops the work."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import numpy as np
import pytest

from ai_models.features import FeatureCache
from ai_models.features import cache as cache_module

BLOCK = "hog-" + "0" * 32
OTHER = "lbp-" + "1" * 32
MB = 2**20


def key(i: int) -> str:
    return f"{i:064x}"


def filled(folder: Path, n: int = 6, max_bytes: int = 100 * MB) -> tuple[FeatureCache, np.ndarray]:
    cache = FeatureCache(folder, max_bytes)
    rows = np.random.default_rng(0).normal(size=(n, 3, 4)).astype(np.float32)
    cache.put(BLOCK, [key(i) for i in range(n)], rows)
    return cache, rows


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "int64"])
def test_rows_come_back_in_another_object(tmp_path: Path, dtype: str) -> None:
    rows = (np.random.default_rng(0).random((5, 2, 3)) * 200).astype(dtype)
    FeatureCache(tmp_path, MB).put(BLOCK, [key(i) for i in range(5)], rows)
    cache = FeatureCache(tmp_path, MB)
    for wanted in ([3], [4, 0, 4], [0, 1, 2, 3, 4]):  # the first read is of the whole shard, the others are not
        found = cache.get(BLOCK, [key(i) for i in wanted] + [key(9)])
        assert set(found) == {key(i) for i in wanted}
        for i in set(wanted):
            np.testing.assert_array_equal(found[key(i)], rows[i])
            assert found[key(i)].dtype == dtype
            found[key(i)][:] = 0  # the caller's own
    assert (cache.hits, cache.misses) == (8, 3)


def test_blocks_do_not_mix(tmp_path: Path) -> None:
    cache, _ = filled(tmp_path)
    assert cache.get(OTHER, [key(0)]) == {}


def test_what_another_process_puts_is_seen(tmp_path: Path) -> None:
    reader = FeatureCache(tmp_path, MB)
    assert reader.get(BLOCK, [key(0)]) == {}
    _, rows = filled(tmp_path)
    np.testing.assert_array_equal(reader.get(BLOCK, [key(0)])[key(0)], rows[0])


def shard_of(folder: Path) -> Path:
    return next(folder.glob("*/*.shard"))


@pytest.mark.parametrize("at", [0, 8, 12, 20, 60, 200, -1], ids=lambda at: f"byte {at}")
def test_a_flipped_bit_is_noticed_anywhere(tmp_path: Path, at: int, caplog: pytest.LogCaptureFixture) -> None:
    _, rows = filled(tmp_path)
    path = shard_of(tmp_path)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    cache = FeatureCache(tmp_path, MB)
    with caplog.at_level(logging.WARNING):
        found = cache.get(BLOCK, [key(i) for i in range(6)])
    assert set(found) == ({key(i) for i in range(5)} if at == -1 else set())  # a row costs that row, a header all
    for i in range(len(found)):
        np.testing.assert_array_equal(found[key(i)], rows[i])
    assert "set aside" in caplog.text
    assert not path.exists()
    assert path.with_suffix(".bad").exists()
    cache.put(BLOCK, [key(5)], rows[5:])
    np.testing.assert_array_equal(cache.get(BLOCK, [key(5)])[key(5)], rows[5])
    assert set(found) <= set(FeatureCache(tmp_path, MB).get(BLOCK, [key(i) for i in range(6)]))


@pytest.mark.parametrize("length", [0, 5, 47, 100, -4])
def test_a_shard_cut_off_anywhere_is_noticed(tmp_path: Path, length: int) -> None:
    filled(tmp_path)
    path = shard_of(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    assert FeatureCache(tmp_path, MB).get(BLOCK, [key(0)]) == {}
    assert path.with_suffix(".bad").exists()


def test_a_shard_under_another_blocks_name_is_not_used(tmp_path: Path) -> None:
    filled(tmp_path)
    path = shard_of(tmp_path)
    (tmp_path / OTHER).mkdir()
    path.replace(tmp_path / OTHER / path.name)
    assert FeatureCache(tmp_path, MB).get(OTHER, [key(0)]) == {}


def test_a_shard_that_vanishes_is_a_miss(tmp_path: Path) -> None:
    cache, _ = filled(tmp_path)
    assert cache.get(BLOCK, [key(0)])
    shard_of(tmp_path).unlink()
    assert cache.get(BLOCK, [key(0)]) == {}


def test_verify_tells_and_sets_aside(tmp_path: Path) -> None:
    cache, rows = filled(tmp_path)
    cache.put(OTHER, [key(0)], rows[:1])
    assert cache.verify() == []
    path = next((tmp_path / BLOCK).glob("*.shard"))
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    problems = FeatureCache(tmp_path, MB).verify()
    assert len(problems) == 1
    assert "checksum" in problems[0]
    info = cache.info()
    assert (info.shards, info.damaged, info.rows_by_block) == (2, 1, {"hog": 5, "lbp": 1})
    assert len(cache.verify()) == 1  # it still lies there, set aside


def test_info_counts(tmp_path: Path) -> None:
    cache, _ = filled(tmp_path)
    info = cache.info()
    assert info.rows == 6
    assert info.bytes == sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file())
    assert FeatureCache(tmp_path / "nothing", MB).info().rows == 0


def test_clear_removes_only_its_own(tmp_path: Path) -> None:
    cache, _ = filled(tmp_path)
    (tmp_path / BLOCK / ".abc.part").write_bytes(b"left by a killed process")
    mine = [tmp_path / "notes.txt", tmp_path / ".gitkeep", tmp_path / BLOCK / "mine.txt", tmp_path / "photos" / "a.jpg"]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("kept")
    cache.clear()
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == sorted(mine)
    assert cache.get(BLOCK, [key(0)]) == {}


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    row = np.zeros((1, 100_000), dtype=np.uint8)
    cache = FeatureCache(tmp_path, 350_000)
    for i in range(3):
        cache.put(BLOCK, [key(i)], row)
        for path in tmp_path.glob("*/*.shard"):
            stat = path.stat()
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns - 10**10))
    assert FeatureCache(tmp_path, 350_000).get(BLOCK, [key(0)])  # used now
    cache.put(BLOCK, [key(3)], row)
    assert cache.info().bytes <= 350_000
    left = FeatureCache(tmp_path, 350_000).get(BLOCK, [key(i) for i in range(4)])
    assert set(left) == {key(0), key(3)} | ({key(2)} & set(left))
    assert key(1) not in left


def test_a_place_that_cannot_be_written_costs_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = FeatureCache(tmp_path / "file" / "cache", MB)
    with caplog.at_level(logging.WARNING):
        for i in range(3):
            cache.put(BLOCK, [key(i)], np.zeros((1, 4), dtype=np.float32))
            assert cache.get(BLOCK, [key(i)]) == {}
    assert len(caplog.records) == 1


def test_a_full_disk_costs_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    cache = FeatureCache(tmp_path, MB)
    with caplog.at_level(logging.WARNING):
        for i in range(2):
            cache.put(BLOCK, [key(i)], np.zeros((1, 4), dtype=np.float32))
    assert len(caplog.records) == 1
    assert "No space left" in caplog.text
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_objects_are_never_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="plain number"):
        FeatureCache(tmp_path, MB).put(BLOCK, [key(0)], np.array([{}], dtype=object))


def test_a_read_only_cache_still_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path)

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr(cache_module.os, "utime", refuse)
    assert FeatureCache(tmp_path, MB).get(BLOCK, [key(0)])


def test_a_damaged_row_of_a_read_only_cache_costs_that_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, rows = filled(tmp_path)
    path = shard_of(tmp_path)
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(30, "Read-only file system")

    for name in ("utime", "replace", "rename", "mkdir", "unlink"):
        monkeypatch.setattr(os, name, refuse)
    cache = FeatureCache(tmp_path, MB)
    for _ in range(2):
        found, present = cache.read(BLOCK, [key(i) for i in range(6)])
        assert present.tolist() == [True] * 5 + [False]
        np.testing.assert_array_equal(found[:5], rows[:5])
    assert path.exists()


def test_a_view_is_of_the_file_read_only_and_checked(tmp_path: Path) -> None:
    _, rows = filled(tmp_path)
    cache = FeatureCache(tmp_path, MB)
    view = cache.view(BLOCK, [key(i) for i in range(1, 5)])
    assert view is not None
    np.testing.assert_array_equal(view, rows[1:5])
    assert not view.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 0
    shard_of(tmp_path).unlink()  # by another process: who holds it keeps it
    np.testing.assert_array_equal(view, rows[1:5])
    assert cache.view(BLOCK, [key(9)]) is None
    assert (cache.hits, cache.misses) == (4, 1)


def test_rows_that_lie_otherwise_are_viewed_as_a_copy(tmp_path: Path) -> None:
    cache, rows = filled(tmp_path)
    for order in ([3, 1], [2, 2], [0, 2, 4]):
        view = cache.view(BLOCK, [key(i) for i in order])
        np.testing.assert_array_equal(view, rows[order])
        assert view is not None
        assert not view.flags.writeable


def test_a_view_of_a_damaged_row_is_refused(tmp_path: Path) -> None:
    _, rows = filled(tmp_path)
    path = shard_of(tmp_path)
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    cache = FeatureCache(tmp_path, MB)
    assert cache.view(BLOCK, [key(i) for i in range(6)]) is None
    np.testing.assert_array_equal(cache.view(BLOCK, [key(i) for i in range(5)]), rows[:5])
    assert path.with_suffix(".bad").exists()


def test_one_warning_says_that_rows_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, rows = filled(tmp_path)
    cache = FeatureCache(tmp_path, MB)
    assert cache.get(BLOCK, [key(0)])

    def fail(shard: object, wanted: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("ai_models.features.shards.shard.Shard.read", fail)
    with caplog.at_level(logging.WARNING):
        assert cache.get(BLOCK, [key(0), key(1)]) == {}
        assert cache.get(BLOCK, [key(2)]) == {}
    assert "Input/output error" in caplog.text
    assert len(caplog.records) == 1
    monkeypatch.undo()
    assert shard_of(tmp_path).exists()  # the disk may be well again tomorrow
    np.testing.assert_array_equal(FeatureCache(tmp_path, MB).get(BLOCK, [key(2)])[key(2)], rows[2])


def test_a_check_that_the_disk_refuses_sets_nothing_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, _ = filled(tmp_path)

    def fail(shard: object, wanted: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("ai_models.features.shards.shard.Shard.read", fail)
    assert cache.verify() == [f"'{shard_of(tmp_path)}' cannot be read (Input/output error)"]
    monkeypatch.undo()
    assert cache.verify() == []


def test_rows_of_another_form_are_not_mixed_in(tmp_path: Path) -> None:
    cache, rows = filled(tmp_path)
    cache.put(BLOCK, [key(i) for i in range(6, 9)], np.zeros((3, 5), dtype=np.float32))
    found, present = cache.read(BLOCK, [key(i) for i in range(9)])
    assert present.tolist() == [True] * 6 + [False] * 3
    np.testing.assert_array_equal(found[:6], rows)


def test_a_thousand_images_are_read_fast(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 255, (1000, 260, 128), dtype=np.uint8)
    keys = [key(i) for i in range(1000)]
    writer = FeatureCache(tmp_path, 1000 * MB)
    for start in range(0, 1000, 32):
        writer.put(BLOCK, keys[start : start + 32], rows[start : start + 32])
    cache, began = FeatureCache(tmp_path, 1000 * MB), time.perf_counter()
    for start in range(0, 1000, 32):
        assert len(cache.get(BLOCK, keys[start : start + 32])) == len(keys[start : start + 32])
    assert time.perf_counter() - began < 2
