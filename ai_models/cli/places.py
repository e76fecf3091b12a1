"""Where a result goes when the user named no place: a new folder under reports/ or saved_models/."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

from ai_models.core.errors import OutputError

__all__ = ["MODELS", "REPORTS", "free_place", "new_file", "outside", "stem"]

REPORTS, MODELS = Path("reports"), Path("saved_models")


def free_place(
    parent: Path, name: str, suffix: str = "", *, taken_up: Callable[[Path], bool] = lambda _: False
) -> Path:
    """Return the first of ``name``, ``name-2``, ``name-3``, ... that does not exist in a folder, or is empty.

    Parameters
    ----------
    parent
        The folder.
    name, suffix
        What the place is called.
    taken_up
        Says of what stands there whether it is to be taken up again.
    """
    for number in itertools.count(1):
        place = parent / f"{name}{'' if number == 1 else f'-{number}'}{suffix}"
        if not os.path.lexists(place) or (place.is_dir() and (taken_up(place) or not any(place.iterdir()))):
            return place
    raise AssertionError("unreachable: counting does not end")


def new_file(path: Path, *, overwrite: bool) -> Path:
    """Return a path to write a file to, or say that something is there already.

    Raises
    ------
    OutputError
        When a folder stands there, or a file and the user did not ask to replace it.
    """
    if path.is_dir():
        raise OutputError(f"'{path}' is a folder: name the file to write in it")
    if path.exists() and not overwrite:
        raise OutputError(f"'{path}' exists: name another file or add --overwrite, nothing was changed")
    return path


def outside(place: Path, data_dir: Path | None) -> Path:
    """Return a place to write to, or say that it lies among the user's images.

    Raises
    ------
    OutputError
        When it is the folder of images or lies in it.
    """
    if data_dir is not None and (
        place.resolve() == data_dir.resolve() or data_dir.resolve() in place.resolve().parents
    ):
        raise OutputError(
            f"output '{place}' lies in the folder of images '{data_dir}', which is only read: "
            "name a place outside of it with --output-dir or --output"
        )
    return place


def stem(place: Path) -> str:
    """Return the last part of a place's full name, such as the folder's name for ``.``."""
    return place.resolve().name or "root"
