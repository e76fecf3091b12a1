"""One folder out of several downloads: the same class folders, the files linked, none of the user's replaced."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ai_models.core.errors import OutputError
from ai_models.core.paths import atomic_write
from ai_models.downloading.keeping import same_bytes
from ai_models.downloading.ledger import Record

__all__ = ["Consolidated", "consolidate"]


@dataclass
class Consolidated:
    """What was done.

    Attributes
    ----------
    folder
        Where the files stand together.
    made, there
        Files that were put there, and that stood there already.
    copied
        Of those made, the ones copied because the file systems allow no link.
    occupied
        Paths where another file stands, which was left alone.
    """

    folder: Path
    made: int = 0
    there: int = 0
    copied: int = 0
    occupied: tuple[str, ...] = ()


def consolidate(records: Sequence[Record], source: Path, folder: Path, mode: str) -> Consolidated:
    """Put the files of a ledger into a second folder.

    Parameters
    ----------
    records
        Rows of the ledger; those that kept a file count.
    source
        The folder that the ledger describes.
    folder
        The second folder; others' files in it are left alone.
    mode
        ``hard``, ``symlink`` (relative) or ``copy``. Where a link cannot be made the file is copied.

    Raises
    ------
    OutputError
        When the folder lies within the first one, or cannot be written.
    """
    apart(source, folder)
    done = Consolidated(folder)
    for file, sha256 in sorted({record.file: record.sha256 for record in records if record.ok}.items()):
        origin, target = source / file, folder / file
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if not os.path.lexists(target):
                done.copied += not _linked(origin, target, mode)
                done.made += 1
            elif same_bytes(target, sha256):
                done.there += 1
            else:
                done.occupied += (file,)
        except OSError as error:
            raise OutputError(
                f"cannot write '{target}' ({error.strerror or error}): choose another --consolidate-dir"
            ) from error
    return done


def apart(source: Path, folder: Path) -> None:
    """Refuse two folders of which one holds the other.

    Raises
    ------
    OutputError
        When they are not apart.
    """
    one, other = source.resolve(), folder.resolve()
    if one == other or one in other.parents or other in one.parents:
        raise OutputError(
            f"--consolidate-dir '{folder}' and --output-dir '{source}' must lie apart: name another folder"
        )


def _linked(origin: Path, target: Path, mode: str) -> bool:
    """Put a file where none is; return False where it had to be copied though a link was asked for."""
    try:
        if mode == "hard":
            os.link(origin, target)
        elif mode == "symlink":
            target.symlink_to(os.path.relpath(origin.resolve(), target.parent.resolve()))
    except FileExistsError:
        raise
    except (OSError, ValueError):  # another file system or drive, one without links, or no right to make them
        _copy(origin, target)
        return False
    if mode == "copy":
        _copy(origin, target)
    return True


def _copy(origin: Path, target: Path) -> None:
    with origin.open("rb") as stream, atomic_write(target) as out:
        while chunk := stream.read(2**20):
            out.write(chunk)
