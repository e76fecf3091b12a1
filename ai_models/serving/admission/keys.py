"""API keys: what they look like, and the file that holds their digests.

A key is ``ak_ID_SECRET``: the ID (8 hexadecimal digits) is no secret and names the entry to compare with; the SECRET
is 256 random bits. The file holds the SHA-256 of the whole key and never the key. A plain hash suffices: salts and
slow hashes defend what people think up, which can be guessed; 2^256 values cannot, whatever a guess costs.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from ai_models.core.errors import ConfigError, DataError
from ai_models.core.paths import write_text

__all__ = ["PREFIX", "Key", "Scope", "create_key", "read_keys", "recognised", "revoke_key", "write_keys"]

PREFIX = "ak_"
FORMAT = 1
_KEY = re.compile(rb"ak_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,64}")
_LARGEST_FILE = 16 * 2**20
_NO_KEY = b"\x00" * 32


class Scope(StrEnum):
    """What a key may be used for."""

    PREDICT = "predict"
    EXPLAIN = "explain"
    METRICS = "metrics"
    ADMIN = "admin"
    """Everything, and what changes the service."""


@dataclass(frozen=True)
class Key:
    """One key as the file keeps it.

    Attributes
    ----------
    id
        8 hexadecimal digits, part of the key.
    name
        Whose it is; stands in the audit trail.
    sha256
        Of the key, 64 hexadecimal digits.
    scopes
        What it may be used for.
    rate
        Most images a minute; 0 for the service's own limit.
    created, expires
        ISO 8601, UTC; `expires` is empty where it does not end.
    """

    id: str
    name: str
    sha256: str
    scopes: tuple[Scope, ...]
    rate: int
    created: str
    expires: str = ""

    def expired(self, now: datetime) -> bool:
        """Return whether the key had its time."""
        return bool(self.expires) and now >= datetime.fromisoformat(self.expires)


def create_key(
    keys: Sequence[Key], name: str, scopes: Iterable[Scope], *, rate: int = 0, expires: datetime | None = None
) -> tuple[str, Key]:
    """Make a new key: its text, which is told once and kept nowhere, and its entry.

    Parameters
    ----------
    keys
        Those that there are; none may have the same name.
    name
        Whose it is.
    scopes
        What it may be used for.
    rate
        Most images a minute; 0 for the service's own limit.
    expires
        When it ends; never where None.

    Raises
    ------
    ConfigError
        When the name cannot be used or is taken.
    """
    if not _NAME.fullmatch(name) or name != name.strip():
        raise ConfigError([f"--name must be 1 to 64 printable characters on one line, got {name[:70]!r}"])
    if any(key.name == name for key in keys):
        raise ConfigError([f"--name {name!r} is taken: choose another, or revoke that key first"])
    taken = {key.id for key in keys}
    ident = next(i for i in iter(lambda: secrets.token_hex(4), "") if i not in taken)
    text = f"{PREFIX}{ident}_{secrets.token_urlsafe(32)}"
    now = datetime.now(UTC)
    return text, Key(
        ident, name, hashlib.sha256(text.encode()).hexdigest(), tuple(dict.fromkeys(scopes)), rate, _written(now),
        "" if expires is None else _written(expires),
    )  # fmt: skip


def revoke_key(keys: Sequence[Key], which: str) -> tuple[tuple[Key, ...], Key]:
    """Return the keys without the one of that name or ID, and that one.

    Raises
    ------
    DataError
        When there is none.
    """
    found = next((key for key in keys if which in (key.name, key.id)), None)
    if found is None:
        raise DataError(
            f"no key has the name or the ID {which[:70]!r}: `amulet-ai keys list` shows those that there are"
        )
    return tuple(key for key in keys if key is not found), found


def recognised(keys: dict[str, Key], given: bytes) -> Key | None:
    """Return the entry of a key as it came over the wire, or None.

    One digest is computed and one comparison made, in constant time, whether or not the ID is known.

    Parameters
    ----------
    keys
        By ID.
    given
        Any bytes.
    """
    parts = _KEY.fullmatch(given)
    key = keys.get(parts[1].decode()) if parts else None
    expected = bytes.fromhex(key.sha256) if key else _NO_KEY
    same = hmac.compare_digest(hashlib.sha256(given).digest(), expected)
    return key if same else None


def read_keys(path: str | os.PathLike[str]) -> tuple[Key, ...]:
    """Read a file of keys.

    Raises
    ------
    DataError
        When it is not there or not what `write_keys` writes.
    """
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(_LARGEST_FILE + 1)
        if len(data) > _LARGEST_FILE:
            raise ValueError("it is too large")
        content = json.loads(data.decode("utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']!r}, expected {FORMAT}")
        keys = tuple(_entry(one) for one in content["keys"])
        if len({key.id for key in keys}) < len(keys):
            raise ValueError("two keys have the same id")
    except OSError as error:
        raise DataError(
            f"the keys '{path}' cannot be read ({(error.strerror or str(error)).lower()}): make the file with "
            "`amulet-ai keys create`"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"the keys '{path}' are damaged ({error}): restore a copy, or make new ones") from error
    return keys


def write_keys(path: str | os.PathLike[str], keys: Sequence[Key]) -> None:
    """Write a file of keys, atomically, for its owner's eyes only."""
    content = {"format": FORMAT, "keys": [asdict(key) for key in keys]}
    before = os.umask(0o077)
    try:
        write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    finally:
        os.umask(before)


def _entry(given: dict[str, Any]) -> Key:
    key = Key(**given)
    key = replace(key, scopes=tuple(Scope(name) for name in key.scopes))
    if not re.fullmatch(r"[0-9a-f]{8}", key.id) or not re.fullmatch(r"[0-9a-f]{64}", key.sha256):
        raise ValueError("an id or a digest is not as written")
    if not isinstance(key.name, str) or type(key.rate) is not int or key.rate < 0:
        raise ValueError("a name or a rate is not as written")
    key.expired(datetime.now(UTC))
    return key


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
