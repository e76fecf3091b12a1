"""Folders that a careless or hostile hand has filled."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ai_models.core.folders import NOT_PHOTOGRAPHS
from ai_models.core.images import leads_out, other_files, walk_images


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def test_images_come_in_order_and_others_are_named(tmp_path: Path) -> None:
    _touch(
        tmp_path, "b/2.JPG", "b/1.jpeg", "a/x.TIFF", "c.webp", "notes.txt", "b/photo.heic", ".hidden/a.jpg", "b/.a.png"
    )
    assert list(walk_images(tmp_path)) == ["a/x.TIFF", "b/1.jpeg", "b/2.JPG", "c.webp"]
    assert other_files(tmp_path) == ["b/photo.heic", "notes.txt"]


def test_links_to_folders_are_named_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    _touch(root, "a/1.jpg")
    _touch(outside, "secret.jpg")
    (root / "a" / "loop").symlink_to(root)
    (root / "b").symlink_to("a")
    (root / "away").symlink_to(outside)
    (root / "pictures.jpg").symlink_to(outside)
    assert list(walk_images(root)) == ["a/1.jpg"]
    assert other_files(root) == ["a/loop", "away", "b", "pictures.jpg"]


def test_links_to_files_are_yielded_and_told_apart(tmp_path: Path) -> None:
    root = tmp_path / "root"
    _touch(root, "real.jpg")
    _touch(tmp_path, "outside.jpg")
    (root / "inside.jpg").symlink_to("real.jpg")
    (root / "out.jpg").symlink_to(tmp_path / "outside.jpg")
    (root / "broken.jpg").symlink_to("nothing")
    assert list(walk_images(root)) == ["broken.jpg", "inside.jpg", "out.jpg", "real.jpg"]
    assert [leads_out(root, p) for p in walk_images(root)] == [False, False, True, False]


def test_strange_names_survive(tmp_path: Path) -> None:
    long = "x" * 251 + ".jpg"
    names = ["พระสมเด็จ/หน้า.jpg", "dir.jpg/a.png", "new\nline/a.jpg", "back\\slash.jpg", long, "-flag.jpg", " .jpg"]
    _touch(tmp_path, *names)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")).touch()
    os.mkfifo(tmp_path / "pipe.jpg")
    found = list(walk_images(tmp_path))
    assert sorted(found, key=os.fsencode) == sorted([*names, "caf\udce9.jpg", "pipe.jpg"], key=os.fsencode)
    assert all((tmp_path / p).exists() for p in found)


def test_deep_nesting_needs_no_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    depth = sys.getrecursionlimit() + 50
    _touch(tmp_path, "a.jpg")
    monkeypatch.chdir(tmp_path)
    for _ in range(depth):  # deeper than a path may be long, so step by step
        os.mkdir("d")
        os.chdir("d")
    try:
        assert list(walk_images(tmp_path)) == ["a.jpg"]
        assert all(path.startswith("d/") for path in other_files(tmp_path))
    finally:
        for _ in range(depth):
            os.chdir("..")
            os.rmdir("d")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
def test_folders_that_cannot_be_listed_are_named(tmp_path: Path) -> None:
    _touch(tmp_path, "closed/a.jpg", "b.jpg")
    (tmp_path / "closed").chmod(0)
    try:
        assert list(walk_images(tmp_path)) == ["b.jpg"]
        assert other_files(tmp_path) == ["closed"]
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_a_root_that_is_a_link_is_walked(tmp_path: Path) -> None:
    _touch(tmp_path, "real/a.jpg")
    (tmp_path / "link").symlink_to("real")
    assert list(walk_images(tmp_path / "link")) == ["a.jpg"]
    assert list(walk_images(tmp_path / "missing")) == []


def test_a_folder_marked_as_no_photographs_is_passed_over(tmp_path: Path) -> None:
    for name in ("a/1.png", "sheets/2.png", "sheets/deeper/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list(walk_images(tmp_path)) == ["a/1.png", "sheets/2.png", "sheets/deeper/3.png"]
    (tmp_path / "sheets" / NOT_PHOTOGRAPHS).touch()
    assert list(walk_images(tmp_path)) == ["a/1.png"]
