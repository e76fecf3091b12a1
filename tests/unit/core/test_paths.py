"""Files appear whole or not at all; nothing foreign is ever replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ai_models.core.errors import DataError, OutputError
from ai_models.core.paths import atomic_write, from_text, prepare_output_dir, require_dir, to_text, write_text


def test_names_as_text() -> None:
    assert to_text("caf\udce9\\x.jpg") == "caf\\xe9\\\\x.jpg"
    assert from_text("caf\\xe9\\\\x.jpg") == "caf\udce9\\x.jpg"
    assert from_text("plain\\x41.jpg") == "plain\\x41.jpg"  # no undecodable byte: it was never escaped


def test_a_folder_must_exist_and_be_one(tmp_path: Path) -> None:
    assert require_dir(tmp_path, what="--data-dir") == tmp_path
    (tmp_path / "file").touch()
    for path, message in (("none", "nothing at"), ("file", "is a file"), ("x" * 300, "cannot be looked at")):
        with pytest.raises(DataError, match=f"--data-dir .*{message}"):
            require_dir(tmp_path / path, what="--data-dir")


def test_an_output_folder_is_made_or_refused(tmp_path: Path) -> None:
    out = prepare_output_dir(tmp_path / "a" / "b", ours="done.json")
    assert out.is_dir()
    (out / ".gitkeep").touch()
    prepare_output_dir(out, ours="done.json")
    (out / "other.txt").touch()
    with pytest.raises(OutputError, match=r"already holds other files \(such as 'other.txt'\).*nothing was changed"):
        prepare_output_dir(out, ours="done.json", overwrite=True)
    (out / "done.json").touch()
    with pytest.raises(OutputError, match=r"earlier result.*--overwrite"):
        prepare_output_dir(out, ours="done.json")
    assert prepare_output_dir(out, ours="done.json", overwrite=True) == out
    assert sorted(p.name for p in out.iterdir()) == [".gitkeep", "done.json", "other.txt"]
    with pytest.raises(OutputError, match="cannot write"):
        prepare_output_dir(out / "other.txt", ours="done.json")


def _write_in_part(target: Path) -> None:
    with atomic_write(target) as stream:
        stream.write(b"two, in part")
        raise KeyboardInterrupt


def test_a_file_appears_only_when_whole(tmp_path: Path) -> None:
    target = tmp_path / "sub" / "a.txt"
    write_text(target, "one")
    with pytest.raises(KeyboardInterrupt):
        _write_in_part(target)
    assert target.read_text() == "one"
    assert [p.name for p in target.parent.iterdir()] == ["a.txt"]
    write_text(target, "พระ")
    assert target.read_bytes() == "พระ".encode()


def test_the_umask_applies(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_text(tmp_path / "private", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o600


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "file" / "x", tmp_path / "folder"):
        with pytest.raises(OutputError, match="choose another place"):
            write_text(target, "x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]
