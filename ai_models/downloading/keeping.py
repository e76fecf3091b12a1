"""From bytes on disk to a file of the data set: looked at, named by content, never over another file."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ai_models.core.errors import OutputError
from ai_models.core.images import Probe, probe
from ai_models.core.logs import get_logger
from ai_models.downloading.ledger import file_name
from ai_models.downloading.outcome import Outcome

__all__ = ["Store", "locked", "same_bytes"]

_log = get_logger(__name__)
_PARTIAL = ".partial"
_DECODES = threading.BoundedSemaphore(2)  # a picture at the pixel limit takes half a gigabyte
_CHUNK = 2**20


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder while inside, where the system can lock one; the lock ends with the process.

    Raises
    ------
    OutputError
        When another run is inside.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise OutputError(f"another run writes to '{folder}': wait for it or choose another output folder") from error
    except OSError:  # a file system without locks
        _log.debug("no lock on %s", folder)
    try:
        yield
    finally:
        os.close(descriptor)


class Store:
    """The output folder, as a context.

    Parameters
    ----------
    folder
        Where the class folders stand. What is under way lies in its hidden folder ``.partial``, which goes at the
        end; what a killed run left there is thrown away.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._partial = folder / _PARTIAL
        self._placing = threading.Lock()

    def __enter__(self) -> Self:
        self._clear()
        self._partial.mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def _clear(self) -> None:
        if self._partial.is_dir() and not self._partial.is_symlink():
            shutil.rmtree(self._partial, ignore_errors=True)

    @contextmanager
    def incoming(self) -> Iterator[tuple[IO[bytes], Path]]:
        """Open a file for what arrives; it is gone afterwards unless it was kept.

        Raises
        ------
        OutputError
            When it cannot be written.
        """
        path = self._partial / f"{secrets.token_hex(8)}.part"
        try:
            with path.open("xb") as stream:
                yield stream, path
        except OSError as error:
            raise OutputError(f"cannot write to '{self.folder}' ({error}): free some space and run again") from error
        finally:
            path.unlink(missing_ok=True)

    def keep(self, path: Path, label: str) -> tuple[Probe, str, str, str]:
        """Look at what arrived and, where it is an image that decodes whole, give it its name.

        Parameters
        ----------
        path
            The whole file, on disk.
        label
            Its class.

        Returns
        -------
        seen, file, verdict, detail
            What it is; its path below the folder, empty where it was not kept; and why.
        """
        with _DECODES:
            seen = probe(path)
        if not seen.readable:
            return seen, "", str(seen.verdict), seen.detail
        file = file_name(label, seen.sha256, seen.format)
        target = self.folder / file
        target.parent.mkdir(exist_ok=True)
        with self._placing:
            if not os.path.lexists(target):
                os.replace(path, target)
            elif not same_bytes(target, seen.sha256):
                return seen, "", str(Outcome.OCCUPIED), f"another file stands at {file}: move it away"
        return seen, file, str(Outcome.OK), ""

    def holds(self, file: str, size: int) -> bool:
        """Return whether a file that was kept still stands there, whole."""
        target = self.folder / file
        return target.is_file() and target.stat().st_size == size


def same_bytes(path: Path, sha256: str) -> bool:
    """Return whether a regular file has a hash."""
    if not path.is_file():
        return False
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest() == sha256
