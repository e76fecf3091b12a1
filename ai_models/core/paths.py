"""Names of files as text, and files written whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ai_models.core.errors import DataError, OutputError

__all__ = [
    "atomic_write",
    "from_text",
    "prepare_output_dir",
    "remove_parts",
    "require_dir",
    "sync_folder",
    "to_text",
    "write_bytes",
    "write_text",
]

_PART = re.compile(r"\.[0-9a-f]{16}\.part")
"""What `atomic_write` was writing when its process was killed."""
_ESCAPED = re.compile(r"\\(\\|x[89a-f][0-9a-f])")


def to_text(name: str) -> str:
    r"""Write a file name as valid UTF-8: bytes that are not become ``\xNN``, a backslash becomes two.

    Parameters
    ----------
    name
        A name as `os.fsdecode` gives it (undecodable bytes as lone surrogates).
    """
    return "".join(
        "\\\\" if c == "\\" else f"\\x{ord(c) - 0xDC00:02x}" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in name
    )


def from_text(text: str) -> str:
    """Return the file name that `to_text` wrote."""
    return _ESCAPED.sub(lambda m: "\\" if m[1] == "\\" else chr(0xDC00 + int(m[1][1:], 16)), text)


def require_dir(path: str | os.PathLike[str], *, what: str) -> Path:
    """Return the path of a folder that exists, or say that it does not.

    Parameters
    ----------
    path
        Where it should be.
    what
        Its name in the sentence, such as ``"--data-dir"``.

    Raises
    ------
    DataError
        When there is nothing, or something other than a folder.
    """
    folder = Path(path)
    try:
        exists, is_folder = folder.exists(), folder.is_dir()
    except OSError as error:
        raise DataError(
            f"{what} cannot be looked at ('{folder}': {error.strerror or error}): check the path"
        ) from error
    if not exists:
        raise DataError(f"{what} must be an existing folder, but there is nothing at '{folder}': check the path")
    if not is_folder:
        raise DataError(f"{what} must be a folder, but '{folder}' is a file: give the folder that holds it")
    return folder


def prepare_output_dir(
    path: str | os.PathLike[str], *, ours: str, overwrite: bool = False, beside: Collection[str] = ()
) -> Path:
    """Make a folder to write into, without ever replacing what is not ours to replace.

    Parameters
    ----------
    path
        The folder; made with its parents where it is missing.
    ours
        The file by which a folder written earlier by the same stage is known.
    overwrite
        Whether the user asked to replace such an earlier result.
    beside
        Names that may stand in the folder already, such as what other stages wrote there.

    Raises
    ------
    OutputError
        When it cannot be written, holds foreign files, or an earlier result without `overwrite`.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        allowed = {".gitkeep", *beside}
        held = sorted(e.name for e in folder.iterdir() if e.name not in allowed and not _PART.fullmatch(e.name))
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"cannot write to '{folder}' ({error.strerror or error}): choose another output folder"
        ) from error
    if held and ours not in held:
        raise OutputError(
            f"output folder '{folder}' already holds other files (such as '{held[0]}'): "
            "choose an empty or a new folder, nothing was changed"
        )
    if held and not overwrite:
        raise OutputError(
            f"output folder '{folder}' already holds an earlier result: "
            "choose another folder or add --overwrite, nothing was changed"
        )
    return folder


def remove_parts(folder: str | os.PathLike[str]) -> None:
    """Remove what killed processes left half written in a folder; nobody may be writing there now."""
    for entry in Path(folder).iterdir():
        if _PART.fullmatch(entry.name):
            entry.unlink(missing_ok=True)


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a file for writing that appears under its name only once it is whole and on disk.

    Raises
    ------
    OutputError
        When the place cannot be written.
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        name = target.parent / f".{secrets.token_hex(8)}.part"
        with name.open("xb") as stream:  # the user's umask applies, which it would not to tempfile's
            temporary = name
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
        temporary = None
    except OSError as error:
        raise OutputError(
            f"cannot write '{target}' ({error.strerror or error}): choose another place or free some space"
        ) from error
    finally:
        if temporary is not None:
            with suppress(OSError):  # what went wrong before is what is told
                temporary.unlink(missing_ok=True)


def sync_folder(path: str | os.PathLike[str]) -> None:
    """Wait until the names in a folder are on disk: only then does a file renamed into it outlast a loss of power.

    Windows cannot open a folder for this and keeps its names in a journal.

    Raises
    ------
    OSError
        When the folder is gone or the disk failed.
    """
    if os.name == "nt":
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write a whole file at once, atomically."""
    with atomic_write(path) as stream:
        stream.write(data)
    return Path(path)


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write a whole UTF-8 file at once, atomically."""
    return write_bytes(path, text.encode("utf-8"))
