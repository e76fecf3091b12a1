"""Whether a model may be opened at all: who vouches for it, by what the user has set and never by what it says."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

from ai_models.artifacts.keys import PublicKey, read_public_key
from ai_models.artifacts.trust_store import TRUST_DIR, TrustStore
from ai_models.core.errors import ConfigError

__all__ = ["Standing", "Trust"]

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


@dataclass(frozen=True)
class Standing:
    """Why a model was opened.

    Attributes
    ----------
    kind
        ``signed``: by a key that the user trusts. ``local``: trained, or said to be trusted, by this user.
        ``unsigned``: nobody vouches for it, and the user allowed that.
    key_id
        Of the key that signed it; empty otherwise.
    name
        What the signature calls the model; empty otherwise.
    version
        The model's version.
    """

    kind: Literal["signed", "local", "unsigned"]
    key_id: str = ""
    name: str = ""
    version: int = 1

    def __str__(self) -> str:
        if self.kind == "signed":
            return f"signed as '{self.name}', version {self.version}, by key {self.key_id[:16]}"
        return {"local": "trained or trusted by this user", "unsigned": "not signed, allowed"}[self.kind]


@dataclass(frozen=True)
class Trust:
    """What a model must show before it is opened.

    Attributes
    ----------
    keys
        Public keys whose signatures count.
    minimum_version
        Lowest version of a model that is taken.
    allow_unsigned
        Whether a model that nobody vouches for may be opened.
    names
        Classes beyond the product's own that a model may be made of, as ``module:name``.
    any_version
        Whether also a version below the least, or below one seen before, is taken: to sign it anew.
    store
        What this user trained or said to trust, and the versions seen.
    """

    keys: tuple[PublicKey, ...] = ()
    minimum_version: int = 0
    allow_unsigned: bool = False
    names: tuple[str, ...] = ()
    any_version: bool = False
    store: TrustStore = field(default_factory=TrustStore, compare=False, repr=False)

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str] | None = None,
        *,
        trusted_keys: Iterable[str | os.PathLike[str]] = (),
        minimum_version: int = 0,
        allow_unsigned: bool = False,
        names: Iterable[str] = (),
    ) -> Self:
        """Return what the user has set: here, in the environment, and in the user's trust folder.

        Parameters
        ----------
        environment
            Variables by name; those of the process when None: ``AMULET_AI_TRUST_DIR``, ``AMULET_AI_TRUSTED_KEY``
            (files, separated as in PATH), ``AMULET_AI_MINIMUM_VERSION``, ``AMULET_AI_ALLOW_UNSIGNED``,
            ``AMULET_AI_TRUSTED_NAMES`` (separated by commas).
        trusted_keys
            Files of further public keys.
        minimum_version, allow_unsigned
            Count where they ask for more, or allow more, than what is set elsewhere.
        names
            Further classes, as ``module:name``.

        Raises
        ------
        ConfigError
            When a variable cannot be used.
        BundleError
            When a key cannot be read, or the trust folder can be changed by others.
        """
        variables = os.environ if environment is None else environment
        store = TrustStore(variables.get(TRUST_DIR, "").strip() or None)
        named = [p for p in variables.get("AMULET_AI_TRUSTED_KEY", "").split(os.pathsep) if p.strip()]
        keys = [read_public_key(file) for file in (*trusted_keys, *named)]
        keys += [PublicKey.of_pem(data, file) for file, data in store.key_files().items()]
        own = [name.strip() for name in variables.get("AMULET_AI_TRUSTED_NAMES", "").split(",") if name.strip()]
        return cls(
            tuple(dict.fromkeys(keys)),
            max(minimum_version, _number(variables, "AMULET_AI_MINIMUM_VERSION"), store.minimum_version()),
            allow_unsigned or _switch(variables, "AMULET_AI_ALLOW_UNSIGNED"),
            tuple(sorted({*names, *own})),
            store=store,
        )


def _number(variables: Mapping[str, str], name: str) -> int:
    text = variables.get(name, "").strip()
    if text and not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise ConfigError([f"{name} must be a whole number, got {text[:40]!r}"])
    return int(text or 0)


def _switch(variables: Mapping[str, str], name: str) -> bool:
    text = variables.get(name, "").strip().lower()
    if text not in (*_TRUE, *_FALSE):
        raise ConfigError([f"{name} must be 1 or 0, got {text[:40]!r}"])
    return text in _TRUE
