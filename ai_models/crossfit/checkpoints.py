"""What a training that was stopped had already worked out: small immutable files under content keys.

A checkpoint's key is a SHA-256 over everything that its content depends on: features, labels, rows, settings, seeds,
the code of this package, the libraries that it calculates with. So one is found exactly where the same would be
calculated again, and a stale one can never be taken for another. A file holds arrays alone, no pickle, and the
SHA-256 of its content, checked before it is read. It is written under another name, synced and renamed: a process
killed at any moment leaves a whole checkpoint or none.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
from numpy.typing import NDArray
from threadpoolctl import threadpool_info

from ai_models._version import __version__
from ai_models.core.config import canonical_json
from ai_models.core.errors import OutputError
from ai_models.core.logs import get_logger
from ai_models.core.paths import write_bytes

__all__ = ["NO_CHECKPOINTS", "Checkpoints", "content_key"]

Arrays = Mapping[str, NDArray[Any]]

_MAGIC = b"AMULETC1"
_START = len(_MAGIC) + hashlib.sha256().digest_size
_PACKAGE = Path(__file__).parents[1]

_log = get_logger(__name__)


def content_key(*parts: object) -> str:
    """Return a SHA-256 (hex) over the parts and over the code and the libraries that work with them.

    Parameters
    ----------
    parts
        Arrays of numbers or text, which count by dtype, shape and bytes; else what JSON can hold.
    """
    digest = hashlib.sha256(_what_calculates())
    for part in parts:
        if isinstance(part, np.ndarray):
            if part.dtype.hasobject:
                raise TypeError("the content of an array of objects cannot be told by its bytes")
            described = f"{part.dtype.str}{part.shape}".encode()
            digest.update(len(described).to_bytes(8, "little") + described)
            digest.update(np.ascontiguousarray(part).data)  # its length follows from what describes it
        else:
            text = canonical_json(part)
            digest.update(b"json" + len(text).to_bytes(8, "little") + text)
    return digest.hexdigest()


@dataclass(frozen=True)
class Checkpoints:
    """Checkpoints in a folder; without a folder nothing is kept and nothing is found.

    May be given to worker processes. A folder that cannot be written costs the checkpoints, not the training.

    Attributes
    ----------
    directory
        Where they lie; made when one is put.
    """

    directory: Path | None = None

    def begin(self) -> None:
        """Make the folder, so that it tells of an unfinished training from the first moment on."""
        if self.directory is not None:
            self.directory.mkdir(parents=True, exist_ok=True)

    def get(self, key: str) -> dict[str, NDArray[Any]] | None:
        """Return the arrays kept under a key; None where there are none. Damaged ones are removed."""
        if self.directory is None:
            return None
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        magic, expected = data[: len(_MAGIC)], data[len(_MAGIC) : _START]
        content = data[_START:]
        if magic != _MAGIC or hashlib.sha256(content).digest() != expected:
            _log.warning("a checkpoint was damaged and is made again: '%s'", path)
            path.unlink(missing_ok=True)
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            return {name: found[name] for name in found.files}

    def put(self, key: str, arrays: Arrays) -> None:
        """Keep arrays of numbers or text under a key; only what is not there yet, and only after `begin`.

        A worker may outlive a killed process for a moment: what it then puts is what the next one would.
        """
        if self.directory is None or key in self or not self.directory.is_dir():
            return
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, values in arrays.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as member:
                    np.lib.format.write_array(member, np.asarray(values), allow_pickle=False)
        content = stream.getvalue()
        try:
            write_bytes(self._path(key), _MAGIC + hashlib.sha256(content).digest() + content)
        except OutputError as error:
            _log.warning("no checkpoint is kept, a stopped training would do this part again: %s", error)

    def __contains__(self, key: str) -> bool:
        return self.directory is not None and self._path(key).is_file()

    def clear(self) -> None:
        """Remove the folder; last what else lies in it, which tells whose the folder is if this is stopped."""
        if self.directory is not None:
            for path in self.directory.glob("*.checkpoint"):
                path.unlink(missing_ok=True)
            shutil.rmtree(self.directory, ignore_errors=True)

    def _path(self, key: str) -> Path:
        assert self.directory is not None
        return self.directory / f"{key}.checkpoint"


NO_CHECKPOINTS = Checkpoints()
"""Nothing is kept."""


@cache
def _what_calculates() -> bytes:
    """Return a digest of this package's code, of the numeric libraries and of the kernels they chose for this CPU."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    kernels = sorted({f"{found.get('version')} {found.get('architecture')}" for found in _numpy_blas()})
    versions = [__version__, np.__version__, scipy.__version__, sklearn.__version__, kernels]
    return hashlib.sha256(digest.digest() + canonical_json(versions)).digest()


def _numpy_blas() -> list[dict[str, Any]]:
    """Return what NumPy and SciPy calculate with; other libraries may be loaded now and not the next time."""
    own = {"numpy", "numpy.libs", "scipy", "scipy.libs"}
    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return [library for library in found if own & set(Path(library["filepath"]).parts)]
