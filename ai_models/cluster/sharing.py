"""A folder that every machine of a cluster sees, tried before it is relied on; large things travel through it once."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import pickle
import secrets
import shutil
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import ClusterError, OutputError
from ai_models.core.paths import atomic_write, write_text

__all__ = ["SharedFolder", "answer", "unpack", "unpack_file"]

_LARGE = 2**20  # bytes from which an array, or a network, is written once rather than sent with every task


class SharedFolder:
    """A folder of this run's own inside the folder that machines share; removed at the end.

    Parameters
    ----------
    parent
        The shared folder, made where it is missing.
    """

    def __init__(self, parent: str | os.PathLike[str]) -> None:
        self.parent = Path(parent).absolute()
        self.word = secrets.token_hex(16)
        self.path = self.parent / f".cluster-{self.word}"
        self._kept: dict[int, tuple[NDArray[Any] | bytes, str]] = {}
        try:
            self.path.mkdir(parents=True)
            write_text(self.path / "word", self.word)
        except OSError as error:
            raise OutputError(
                f"cannot write to '{self.parent}' ({error.strerror or error}), which the machines of a cluster share: "
                "name another folder with --cache-dir"
            ) from error

    def require_answer(self, worker: str, said: str) -> None:
        """Refuse a worker that did not see this folder, or whose own file in it is not seen here."""
        if said.startswith("no: "):
            reason = f"it {said.removeprefix('no: ')}"
        elif not (self.path / said).is_file():
            reason = "what it writes there does not arrive here"
        else:
            return
        raise ClusterError(
            f"worker '{worker}' does not share the folder '{self.parent}' with this machine ({reason}): "
            "name a folder that every worker sees under the same path with --cache-dir"
        )

    def keep(self, value: NDArray[Any] | bytes) -> str:
        """Write an array or bytes, once, and return the name of the file: SHA-256 and kind."""
        known = self._kept.get(id(value))
        if known is not None and known[0] is value:
            return known[1]
        if isinstance(value, bytes):
            name = self._written(value, ".bytes")
        else:
            stream = io.BytesIO()
            np.save(stream, value, allow_pickle=False)
            name = self._written(stream.getbuffer(), ".npy")
        self._kept[id(value)] = value, name  # it is held, so that its id stays its own
        return name

    def pack(self, value: Any) -> bytes:
        """Pickle a value; what is large in it by the names of files."""
        stream = io.BytesIO()
        _Packer(stream, self).dump(value)
        return stream.getvalue()

    def pack_file(self, value: Any) -> str:
        """Pickle a value into a file and return its name; see `unpack_file`."""
        return self._written(self.pack(value), ".bytes")

    def forget(self) -> None:
        """Let go of what was kept; the files stay until the end."""
        self._kept.clear()

    def remove(self) -> None:
        """Remove this run's own folder."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _written(self, data: bytes | memoryview, suffix: str) -> str:
        name = hashlib.sha256(data).hexdigest() + suffix
        if not (self.path / name).exists():
            with atomic_write(self.path / name) as file:
                file.write(data)
        return name


class _Packer(cloudpickle.Pickler):
    def __init__(self, stream: io.BytesIO, folder: SharedFolder) -> None:
        super().__init__(stream, protocol=5)
        self._folder = folder

    def persistent_id(self, value: Any) -> str | None:
        array = type(value) is np.ndarray and value.nbytes >= _LARGE and not value.dtype.hasobject
        return self._folder.keep(value) if array or (type(value) is bytes and len(value) >= _LARGE) else None


class _Unpacker(pickle.Unpickler):
    def __init__(self, data: bytes, folder: Path) -> None:
        super().__init__(io.BytesIO(data))
        self._folder = folder

    def persistent_load(self, name: str) -> NDArray[Any] | bytes:
        return _opened(self._folder / name)


def unpack(data: bytes, folder: str) -> Any:
    """Return, on a worker, what `SharedFolder.pack` packed; large arrays are read-only maps of their files."""
    return _Unpacker(data, Path(folder)).load()


def unpack_file(name: str, folder: str) -> Any:
    """Return, on a worker, what `SharedFolder.pack_file` packed; its hash is checked before it is unpickled."""
    return unpack(_checked_bytes(Path(folder) / name), folder)


@functools.lru_cache(maxsize=32)
def _opened(path: Path) -> NDArray[Any] | bytes:
    """Return what a file holds, after its bytes were checked against its name, once a process."""
    if path.suffix == ".bytes":
        return _checked_bytes(path)
    with path.open("rb") as stream:
        _require_hash(path, hashlib.file_digest(stream, "sha256").hexdigest())
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _checked_bytes(path: Path) -> bytes:
    data = path.read_bytes()
    _require_hash(path, hashlib.sha256(data).hexdigest())
    return data


def _require_hash(path: Path, found: str) -> None:
    if found != path.stem:
        raise ClusterError(f"'{path}' does not hold what was written to it: check the storage of the shared folder")


def answer(folder: str, word: str) -> str:
    """Return, on a worker, the name of a file that it wrote beside the client's; or ``no: `` and why it could not."""
    place = Path(folder)
    try:
        if (place / "word").read_text(encoding="utf-8") != word:
            return "no: finds another file there"
        name = f"answer-{secrets.token_hex(8)}"
        write_text(place / name, word)
    except OSError as error:
        return f"no: cannot use it, {error.strerror or error}"
    return name
