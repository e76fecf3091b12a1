"""How the service is set up: settings from the environment, and where its model is."""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ai_models.core.config import Config, setting
from ai_models.core.errors import ConfigError, DataError

__all__ = ["MODELS", "PREFIX", "ServiceSettings", "newest_model_dir"]

PREFIX = "AMULET_AI_"
"""The setting NAME is read from the variable ``AMULET_AI_NAME``."""
MODELS = Path("saved_models")
_AROUND = 64 * 2**10  # bytes of a body beside the image: other fields, a data: prefix, the multipart's headers
_AROUND_EACH = 2**10  # the same for each further image
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-fA-F:]+\](:\d{1,5})?")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_READ: Mapping[type, Callable[[str], Any]] = {str: str, int: int, float: float, bool: lambda text: _WORDS[text.lower()]}
_EXPECTED = {int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True)
class ServiceSettings(Config):
    """How the service answers; each setting may come from the environment, such as ``AMULET_AI_MODEL_DIR``."""

    model_dir: str = setting("", "model directory; empty for the newest below saved_models/")
    max_bytes: int = setting(20 * 2**20, "largest image file in bytes", ge=1024, le=256 * 2**20)
    max_pixels: int = setting(64_000_000, "most pixels of an image, judged before decoding", ge=1, le=67_108_864)
    host: str = setting("127.0.0.1", "address to listen on; 0.0.0.0 for every network")
    port: int = setting(8000, "port to listen on; 0 for a free one", ge=0, le=65_535)

    # which models are opened, beside what the user who starts the service trusts
    trusted_key: str = setting("", "files of public keys whose signatures count, separated as in PATH")
    minimum_version: int = setting(0, "models of a lower version are refused", ge=0, le=2**53 - 1)
    allow_unsigned: bool = setting(False, "open a model that nobody vouches for; a model can run code")

    # how it holds
    workers: int = setting(0, "processes that decode and judge; 0 for one a core", ge=0, le=256)
    queue: int = setting(32, "images that may wait for a worker; more are refused with 503", ge=1, le=10_000)
    time_limit: float = setting(10.0, "seconds that an image may take before its worker is killed", ge=0.05, le=600.0)
    body_seconds: float = setting(30.0, "seconds within which a request's body must have come", ge=0.1, le=3600.0)
    head_seconds: float = setting(10.0, "seconds within which a request's head must have come", ge=0.1, le=600.0)
    connections: int = setting(900, "connections that may be open; more are refused with 503", ge=1, le=100_000)
    held_bytes: int = setting(128 * 2**20, "bytes of bodies that may be held at once", ge=1024, le=2**40)
    stop_seconds: float = setting(7.0, "seconds that requests have to end after SIGTERM", ge=0.0, le=600.0)
    watch_seconds: float = setting(
        5.0, "seconds between looks at the model directory; 0 to reload on SIGHUP alone", ge=0.0, le=86_400.0
    )

    # several images in one request
    max_batch: int = setting(32, "most images of one request", ge=1, le=256)
    max_batch_bytes: int = setting(64 * 2**20, "most bytes of their files together", ge=1024, le=2**30)
    max_values: int = setting(1_000_000, "most numbers in a JSON body (pixels as a tensor)", ge=1000, le=50_000_000)
    model_name: str = setting("amulet", "what the Open Inference Protocol calls the model")

    # who is let in
    keys_file: str = setting("", "file of API keys, which are then asked for (amulet-ai keys create)")
    allow_anonymous: bool = setting(False, "answer without a key on addresses that other machines reach")
    rate_limit: int = setting(
        100, "most images a minute of one key, or of one address without key", ge=1, le=10_000_000
    )
    state_dir: str = setting("", "folder for what processes share; empty for one below the system's temporary files")
    trusted_proxies: str = setting("", "addresses or networks whose X-Forwarded-For is believed, with commas between")
    cors_origins: str = setting("", "web pages of other origins that may ask, such as https://shop.example, or *")
    hsts_seconds: int = setting(
        0, "Strict-Transport-Security of so many seconds, behind TLS; 0 for none", ge=0, le=10**9
    )

    # what is told of it
    log_format: str = setting("text", "lines of the log", choices=("text", "json"))
    audit_file: str = setting("", "file that a line is added to for every image judged; empty for the log")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **given: Any) -> Self:
        """Read the settings from the environment.

        Parameters
        ----------
        environment
            Variables by name; those of the process when None.
        given
            Settings that win over the environment; None where nothing is given.

        Raises
        ------
        ConfigError
            Listing every variable and every setting that cannot be used.
        """
        variables = os.environ if environment is None else environment
        values = {name: value for name, value in given.items() if value is not None}
        faults = []
        for f in dataclasses.fields(cls):
            variable = f"{PREFIX}{f.name.upper()}"
            text = variables.get(variable, "").strip()
            if not text or f.name in values:
                continue
            try:
                values[f.name] = _READ[type(f.default)](text)
            except (ValueError, KeyError):
                faults.append(f"{variable} must be {_EXPECTED[type(f.default)]}, got {text[:40]!r}")
        if faults:
            raise ConfigError(faults)
        return cls.from_dict(values)

    def model_directory(self) -> Path:
        """Return the model directory: the one that is set, else the newest below ``saved_models/``."""
        return Path(self.model_dir) if self.model_dir else newest_model_dir(MODELS)

    def faults(self) -> list[str]:
        """Also look at what is written as text."""
        found = super().faults()
        for name, read in (("trusted_proxies", self.proxies), ("cors_origins", self.origins)):
            try:
                read()
            except ValueError as error:
                found.append(f"{name}: {error}")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", self.model_name):
            found.append(f"model_name must be letters, digits, '.', '_' and '-', got {self.model_name[:70]!r}")
        return found

    @property
    def asks_for_keys(self) -> bool:
        """Whether nobody is answered without a key."""
        return bool(self.keys_file) and not self.allow_anonymous

    def proxies(self) -> tuple[Network, ...]:
        """Return the networks of the proxies that are believed."""
        return tuple(ipaddress.ip_network(part) for part in _listed(self.trusted_proxies))

    def origins(self) -> tuple[str, ...]:
        """Return the origins of the pages that may ask."""
        found = _listed(self.cors_origins)
        for origin in found:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError(f"an origin must be like https://shop.example, got {origin[:80]!r}")
        return found

    def held_limit(self) -> int:
        """Return the most bytes of bodies that are held at once: `held_bytes`, but never less than one needs."""
        return max(self.held_bytes, *(self.body_limit(encoded=True, several=several) for several in (False, True)))

    def body_limit(self, *, encoded: bool, several: bool = False) -> int:
        """Return the most bytes of a body that holds the largest image, as a file or encoded in base64.

        Parameters
        ----------
        encoded
            Whether in base64.
        several
            Whether it may hold several images.
        """
        images = self.max_batch_bytes if several else self.max_bytes
        around = _AROUND + (self.max_batch * _AROUND_EACH if several else 0)
        return around + (-(-images // 3) * 4 if encoded else images)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def newest_model_dir(parent: Path) -> Path:
    """Return the folder in `parent` whose ``bundle.json`` was written last (the later name where times are equal).

    Raises
    ------
    DataError
        When there is none.
    """
    found = [(bundle.stat().st_mtime_ns, bundle.parent) for bundle in parent.glob("*/bundle.json")]
    if not found:
        raise DataError(
            f"no model found in '{parent}/': train one with `amulet-ai run`, or name its folder with --model-dir "
            f"or {PREFIX}MODEL_DIR"
        )
    return max(found)[1]
