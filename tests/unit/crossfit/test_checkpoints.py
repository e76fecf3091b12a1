"""Checkpoints: whole or absent, checked before they are read, and found under nothing but their content's key."""

from __future__ import annotations

import errno
import logging
from pathlib import Path

import numpy as np
import pytest

from ai_models.crossfit import checkpoints as module
from ai_models.crossfit.checkpoints import NO_CHECKPOINTS, Checkpoints, content_key

KEY = content_key("a result")
ARRAYS = {
    "numbers": np.random.default_rng(0).normal(size=(4, 3)),
    "flags": np.array([[True, False]]),
    "names": np.array(["ลายทาง", ""], dtype=np.str_),
    "none": np.array([], dtype=np.str_),
}


def _file(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def test_what_is_put_is_got(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path / "new")
    kept.put(KEY, ARRAYS)
    assert not (tmp_path / "new").exists(), "a worker that outlives a training must not begin another"
    kept.begin()
    assert KEY not in kept
    assert kept.get(KEY) is None
    kept.put(KEY, ARRAYS)
    assert KEY in kept
    found = Checkpoints(tmp_path / "new").get(KEY)
    assert found is not None
    assert found.keys() == ARRAYS.keys()
    for name, values in ARRAYS.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)
    kept.clear()
    assert not (tmp_path / "new").exists()


def _full_disk(_: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_equal_arrays_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Checkpoints(tmp_path / name).put(KEY, ARRAYS)
    assert _file(tmp_path / "a").read_bytes() == _file(tmp_path / "b").read_bytes()


def test_every_flipped_byte_and_every_cut_is_noticed(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path)
    kept.put(KEY, {"numbers": np.arange(3)})
    file = _file(tmp_path)
    whole = file.read_bytes()
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert kept.get(KEY) is None, place
        file.write_bytes(whole[:place])
        assert kept.get(KEY) is None, place
        assert not file.exists()
    kept.put(KEY, {"numbers": np.arange(3)})
    assert file.read_bytes() == whole
    kept.put(KEY, {"numbers": np.arange(4)})
    assert file.read_bytes() == whole, "what is there is whole, and equal"


def test_objects_that_would_need_a_pickle_are_not_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        Checkpoints(tmp_path).put(KEY, {"object": np.array([{}], dtype=object)})
    assert not list(tmp_path.iterdir())


def test_without_a_folder_nothing_is_kept() -> None:
    NO_CHECKPOINTS.begin()
    NO_CHECKPOINTS.put(KEY, ARRAYS)
    assert KEY not in NO_CHECKPOINTS
    assert NO_CHECKPOINTS.get(KEY) is None
    NO_CHECKPOINTS.clear()


def test_a_place_that_cannot_be_written_costs_the_checkpoint_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Checkpoints(tmp_path / "gone")
    kept.begin()
    monkeypatch.setattr("ai_models.core.paths.os.fsync", _full_disk)
    with caplog.at_level(logging.WARNING, "ai_models"):
        kept.put(KEY, ARRAYS)
    assert "no checkpoint is kept" in caplog.text
    assert kept.get(KEY) is None
    assert not list((tmp_path / "gone").iterdir())


@pytest.mark.parametrize(
    "other",
    [
        (np.arange(6).reshape(3, 2), "member"),
        (np.arange(6, dtype=np.int32), "member"),
        (np.r_[np.arange(5), 6], "member"),
        (np.arange(6), "other"),
        ("member", np.arange(6)),
        (np.arange(6), "mem", "ber"),
        (np.arange(6), ["member"]),
    ],
    ids=["shape", "dtype", "value", "word", "order", "cut", "list"],
)
def test_another_content_is_another_key(other: tuple[object, ...]) -> None:
    assert content_key(np.arange(6), "member") == content_key(np.arange(12)[:6].copy(), "member")
    assert content_key(*other) != content_key(np.arange(6), "member")


def test_a_view_counts_as_its_values() -> None:
    assert content_key(np.arange(12)[::2]) == content_key(np.arange(0, 12, 2))
    with pytest.raises(TypeError, match="objects"):
        content_key(np.array(["a"], dtype=object))


def test_other_code_or_another_library_is_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "code.py").write_text("one = 1")
    monkeypatch.setattr(module, "_PACKAGE", tmp_path)
    keys = set()
    for change in (
        lambda: None,
        lambda: (tmp_path / "code.py").write_text("one = 2"),
        lambda: monkeypatch.setattr(module.sklearn, "__version__", "0.1"),
        lambda: monkeypatch.setattr(module, "_numpy_blas", lambda: [{"version": "1", "architecture": "other"}]),
    ):
        change()
        module._what_calculates.cache_clear()
        keys.add(content_key("a result"))
    module._what_calculates.cache_clear()
    assert len(keys) == 4
