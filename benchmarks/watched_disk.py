"""Every operation on files below a folder goes through a function, which may note it or make it fail."""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

__all__ = ["Around", "watched"]

Around = Callable[[str, str, Any, Callable[[], Any]], Any]
"""Gets the operation's name, its path, a detail (the bytes of a write, the new name of a replace, else None) and what
performs it; returns what that returns."""

_BY_PATH = ("unlink", "mkdir", "rmdir", "utime", "scandir", "stat", "open")


class _Stream:
    """A file whose reads and writes go through a function; everything else is the file's own."""

    def __init__(self, stream: Any, path: str, around: Around) -> None:
        self._stream = stream
        self._path = path
        self._around = around

    def write(self, data: Any) -> Any:
        return self._around("write", self._path, bytes(data), lambda: self._stream.write(data))

    def flush(self) -> None:
        self._around("flush", self._path, None, self._stream.flush)

    def read(self, *size: int) -> Any:
        return self._around("read", self._path, None, lambda: self._stream.read(*size))

    def readinto(self, memory: Any) -> Any:
        return self._around("read", self._path, None, lambda: self._stream.readinto(memory))

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def watched(folder: Path, around: Around) -> Iterator[None]:
    """Let `around` perform each operation below a folder.

    Descriptors are traced back to names through /proc, so on Linux.
    """
    root = os.path.abspath(folder)
    real_open, real_fsync, real_replace = builtins.open, os.fsync, os.replace

    def ours(path: Any) -> str:
        """Return the absolute path where it is below the folder, else an empty text."""
        text = os.path.abspath(os.fspath(path)) if isinstance(path, (str, os.PathLike)) else ""
        return text if text == root or text.startswith(root + os.sep) else ""

    def opened(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
        path = ours(file)
        if not path:
            return real_open(file, mode, *rest, **options)
        name = "create" if "x" in mode else "open"
        return _Stream(around(name, path, None, lambda: real_open(file, mode, *rest, **options)), path, around)

    def by_path(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(path: Any = ".", *rest: Any, **options: Any) -> Any:
            if not ours(path):
                return real(path, *rest, **options)
            return around(name, ours(path), None, lambda: real(path, *rest, **options))

        return call

    def fsync(descriptor: int) -> None:
        path = ours(os.readlink(f"/proc/self/fd/{descriptor}"))
        around("fsync", path, None, lambda: real_fsync(descriptor)) if path else real_fsync(descriptor)

    def replace(source: Any, target: Any) -> None:
        if ours(source):
            around("replace", ours(source), ours(target), lambda: real_replace(source, target))
        else:
            real_replace(source, target)

    with (
        mock.patch.multiple(os, fsync=fsync, replace=replace, **{name: by_path(name) for name in _BY_PATH}),
        mock.patch.object(builtins, "open", opened),
        mock.patch.object(io, "open", opened),
    ):
        yield
