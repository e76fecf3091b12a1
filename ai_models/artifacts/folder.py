"""The folder of a model, read without being led astray: by links, pipes, other folders, or files that grow."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from ai_models.core.errors import BundleError

__all__ = ["BundleFolder"]

_FLAGS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")) | os.O_RDONLY
_BY_FOLDER = os.open in os.supports_dir_fd


class BundleFolder:
    """A model directory that is open: what is read comes from this folder, also when its name is given to another.

    Parameters
    ----------
    path
        The folder; it may be a link to one, such as ``current``.

    Raises
    ------
    BundleError
        When it cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._at: int | None = None

    def __enter__(self) -> Self:
        if _BY_FOLDER:
            try:
                self._at = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError as error:
                raise BundleError(
                    f"'{self.path}' is not a model directory ({error.strerror}): give the folder that training wrote"
                ) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._at is not None:
            os.close(self._at)

    def entries(self) -> dict[str, bool]:
        """Return name -> whether it is a folder of its own (no link), for everything in the folder itself."""
        place = self.path if self._at is None else self._at
        with os.scandir(place) as found:
            return {entry.name: entry.is_dir(follow_symlinks=False) for entry in found}

    def read(self, name: str, most: int) -> bytes:
        """Return the content of a regular file, at most `most` + 1 bytes of it, read once.

        Raises
        ------
        FileNotFoundError
            When there is nothing of this name.
        BundleError
            When it is something else than a regular file, or cannot be read.
        """
        try:
            handle = self._open(name)
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK):
                raise self._not_regular(name, "a link") from error
            raise self._unreadable(name, error) from error
        try:
            kind = os.fstat(handle).st_mode
            if not stat.S_ISREG(kind):
                raise self._not_regular(name, "a folder" if stat.S_ISDIR(kind) else "not a regular file")
            with os.fdopen(os.dup(handle), "rb") as stream:
                return stream.read(most + 1)
        except OSError as error:
            raise self._unreadable(name, error) from error
        finally:
            os.close(handle)

    def _open(self, name: str) -> int:
        if self._at is not None:
            return os.open(name, _FLAGS, dir_fd=self._at)
        file = self.path / name
        if file.is_symlink():
            raise self._not_regular(name, "a link")
        return os.open(file, _FLAGS)

    def _not_regular(self, name: str, what: str) -> BundleError:
        return BundleError(
            f"'{self.path / name}' is {what}, which is not what training wrote: restore the whole model directory"
        )

    def _unreadable(self, name: str, error: OSError) -> BundleError:
        return BundleError(
            f"'{self.path / name}' cannot be read ({error.strerror or error}): "
            "restore the whole model directory or train again"
        )
