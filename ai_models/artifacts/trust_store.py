"""What this user trusts, kept in a folder of the user's own: never in a model, never moved with one.

``keys/*.pem``
    Public keys whose signatures count.
``minimum-version``
    A whole number: models of a lower version are refused. Absent means none is.
``models.jsonl``
    A line for each model that this user trained, or said to trust: SHA-256 of its ``bundle.json``, where it was, and
    which classes of the user's own it holds. Only ever appended to.
``versions.jsonl``
    A line for each version seen of a signed model, so that none is followed by an older one. Only ever appended to.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from ai_models.artifacts.canonical import canonical, read_canonical
from ai_models.core.errors import OutputError, UntrustedError
from ai_models.core.logs import get_logger
from ai_models.core.paths import to_text

__all__ = ["TRUST_DIR", "Known", "TrustStore", "make_own_folder"]

TRUST_DIR = "AMULET_AI_TRUST_DIR"
_log = get_logger(__name__)
_MODELS, _VERSIONS, _MINIMUM, _KEYS = "models.jsonl", "versions.jsonl", "minimum-version", "keys"
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True)
class Known:
    """A model that the user trained or said to trust.

    Attributes
    ----------
    names
        Classes beyond the product's own that it may be made of, as ``module:name``.
    """

    names: tuple[str, ...] = ()


class TrustStore:
    """The user's own notes on what to trust.

    Parameters
    ----------
    directory
        Its folder; by default that of ``AMULET_AI_TRUST_DIR``, else ``trust`` in the user's settings of this product.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        set_by_user = directory or os.environ.get(TRUST_DIR, "").strip()
        self.path = Path(set_by_user) if set_by_user else platformdirs.user_config_path("amulet-ai") / "trust"

    @property
    def keys(self) -> Path:
        """The folder of trusted public keys."""
        return self.path / _KEYS

    def key_files(self) -> dict[Path, bytes]:
        """Return the trusted public keys as they stand in their files."""
        try:
            files = sorted(self.keys.glob("*.pem"))
        except OSError:
            return {}
        return {file: self._guarded(file) for file in files}

    def minimum_version(self) -> int:
        """Return the lowest version of a model that is taken.

        Raises
        ------
        UntrustedError
            When the file holds something else.
        """
        text = self._guarded(self.path / _MINIMUM).strip()
        if not text:
            return 0
        if not text.isdigit() or len(text) > 15:
            raise UntrustedError(f"'{self.path / _MINIMUM}' must hold a whole number: correct or remove it")
        return int(text)

    def known(self, digest: str) -> Known | None:
        """Return what is noted of a model; None where nothing is.

        Parameters
        ----------
        digest
            SHA-256 (hex) of its ``bundle.json``.
        """
        found = [line for line in self._lines(_MODELS) if line.get("bundle") == digest]
        names = {str(n) for line in found for n in line.get("names", []) if isinstance(n, str)}
        return Known(tuple(sorted(names))) if found else None

    def remember(self, digest: str, place: str | os.PathLike[str], names: tuple[str, ...] = ()) -> None:
        """Note a model as trained or trusted by this user.

        Raises
        ------
        OutputError
            When the folder cannot be written.
        """
        where = to_text(os.fspath(Path(place).absolute()))
        self._append(_MODELS, {"bundle": digest, "names": sorted(names), "place": where})

    def highest(self, key_id: str, name: str) -> tuple[int, str]:
        """Return the highest version seen of a signed model, and the SHA-256 of its ``bundle.json``; (0, "") at first.

        Parameters
        ----------
        key_id
            Who signed it.
        name
            What the signature calls it.
        """
        seen = [
            (line["version"], str(line.get("bundle")))
            for line in self._lines(_VERSIONS)
            if line.get("key") == key_id and line.get("name") == name and isinstance(line.get("version"), int)
        ]
        return max(seen, default=(0, ""))

    def saw(self, key_id: str, name: str, version: int, digest: str) -> None:
        """Note a version of a signed model.

        Raises
        ------
        OutputError
            When the folder cannot be written.
        """
        self._append(_VERSIONS, {"bundle": digest, "key": key_id, "name": name, "version": version})

    def _append(self, name: str, entry: dict[str, Any]) -> None:
        line = b"\n" + canonical(entry) + b"\n"  # a line that was cut off by a loss of power does not spoil this one
        try:
            make_own_folder(self.path)
            handle = os.open(self.path / name, _APPEND, 0o600)
            try:
                if os.write(handle, line) != len(line):
                    raise OSError(28, "no space left")
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise OutputError(
                f"cannot write '{self.path / name}' ({error.strerror or error}): "
                f"make it writable or set {TRUST_DIR} to a folder of your own"
            ) from error

    def _lines(self, name: str) -> Iterator[dict[str, Any]]:
        for line in self._guarded(self.path / name).split(b"\n"):
            if line:
                try:
                    entry = read_canonical(line)
                except ValueError:  # cut off
                    continue
                if isinstance(entry, dict):
                    yield entry

    def _guarded(self, file: Path) -> bytes:
        """Return the content of a file that nobody else can change; empty where there is none."""
        try:
            with file.open("rb") as stream:
                for place, found in ((file, os.fstat(stream.fileno())), (file.parent, file.parent.stat())):
                    _refuse_shared(place, found)
                return stream.read()
        except FileNotFoundError:
            return b""
        except (PermissionError, NotADirectoryError) as error:
            _log.debug("'%s' cannot be read: %s", file, error)
            return b""


def make_own_folder(place: Path) -> None:
    """Make a folder that nobody else can write into, whatever the umask says."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make '{place}' ({error.strerror}): set {TRUST_DIR} to a folder of your own"
        ) from error


def _refuse_shared(place: Path, found: os.stat_result) -> None:
    if os.name == "nt":  # where the folder of a user's settings is the user's own
        return
    if found.st_uid not in (0, os.geteuid()) or stat.S_IMODE(found.st_mode) & 0o022:
        raise UntrustedError(
            f"'{place}' says what to trust, but others can change it: make it yours with 'chmod go-w', and chown"
        )
