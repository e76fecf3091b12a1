"""Who asks, what for, and whether it is not too often: decided from the head of a request, before its body is read."""

from __future__ import annotations

import ipaddress
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import HTTPConnection

from ai_models.core.errors import DataError
from ai_models.core.logs import get_logger
from ai_models.serving.admission.keys import Key, Scope, read_keys, recognised
from ai_models.serving.admission.rates import Allowance, RatesBusyError, RateTable, state_directory
from ai_models.serving.problems import Problem
from ai_models.serving.settings import Network, ServiceSettings

__all__ = ["Caller", "Door"]

_log = get_logger(__name__)
_LOOK_AGAIN = 1.0  # seconds between looks at the file of keys


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes
    ----------
    name
        Of the key; empty without one.
    scopes
        What it may ask for.
    rate
        Most images a minute; 0 for no limit.
    counted_as
        What its images are counted under.
    """

    name: str
    scopes: frozenset[Scope]
    rate: int
    counted_as: str


class Door:
    """Lets callers in.

    Parameters
    ----------
    settings
        Keys, limits, proxies.

    Raises
    ------
    AmuletError
        When the keys cannot be read, or there is no place for the counts.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._proxies = settings.proxies()
        self._keys = _KeyRing(Path(settings.keys_file)) if settings.keys_file else None
        self._rates: dict[str, RateTable] = {}
        if self._keys or settings.allow_anonymous:  # strangers cannot crowd keys out of their table
            folder = state_directory(settings.state_dir)
            self._rates = {named: RateTable(folder / f"rates-{named}") for named in ("keys", "addresses")}

    def caller(self, request: HTTPConnection, scope: Scope) -> Caller:
        """Return who asks.

        Parameters
        ----------
        request
            Its head.
        scope
            What is asked for.

        Raises
        ------
        Problem
            401 without a key that is known, 403 where it may not be used for this.
        """
        given = _given_key(request)
        if given is None:
            found = self._stranger(request)
        elif self._keys is None:
            raise _unknown("this service has no keys: send the request without one")
        else:
            found = self._holder(given)
        if scope not in found.scopes:
            what = f"the key '{found.name}' may not be used" if found.name else "a key is needed"
            raise Problem(
                403, "not-allowed", f"{what} for this ({scope}): ask the service's operator for a key that may"
            )
        return found

    def count(self, caller: Caller, images: int) -> Allowance | None:
        """Count images of a caller, and say whether they are let in; None where there is no limit.

        Raises
        ------
        Problem
            Where it cannot be counted, or there are more than could ever be let in.
        """
        if not caller.rate:
            return None
        if images > caller.rate:
            detail = f"{images} images in one request are more than the {caller.rate} a minute allowed: send fewer"
            raise Problem(413, "too-many-images", detail)
        try:
            return self._rates["keys" if caller.name else "addresses"].ask(caller.counted_as, caller.rate, images)
        except RatesBusyError as error:
            raise Problem(503, "busy", f"{error}: try again in a second", headers={"Retry-After": "1"}) from None

    def _holder(self, given: bytes) -> Caller:
        assert self._keys is not None
        key = recognised(self._keys.by_id(), given)
        if key is None:
            raise _unknown("the key is not known: check it, or ask the service's operator for one")
        if key.expired(datetime.now(UTC)):
            raise _unknown("the key has expired: ask the service's operator for a new one")
        scopes = frozenset(Scope) if Scope.ADMIN in key.scopes else frozenset(key.scopes)
        return Caller(key.name, scopes, key.rate or self._settings.rate_limit, f"{key.id} {key.sha256}")

    def _stranger(self, request: HTTPConnection) -> Caller:
        settings = self._settings
        if settings.asks_for_keys:
            raise _unknown("a key is needed: send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'")
        if settings.allow_anonymous:
            scopes = {Scope.PREDICT, Scope.EXPLAIN} | (set() if self._keys else {Scope.METRICS})
            return Caller("", frozenset(scopes), settings.rate_limit, _counted(self.address(request)))
        if not _is_local(request):
            raise Problem(
                403, "no-keys",
                "this service has no keys, and so answers on its own machine alone: its operator can make keys "
                "(AMULET_AI_KEYS_FILE) or let everyone in (AMULET_AI_ALLOW_ANONYMOUS)",
            )  # fmt: skip
        return Caller("", frozenset(Scope) - {Scope.ADMIN}, 0, "")

    def address(self, request: HTTPConnection) -> str:
        """Return where a request comes from: the last hop that is no trusted proxy."""
        address = request.client.host if request.client else ""
        hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
        while _within(address, self._proxies) and hops and (hop := hops.pop().strip()):
            address = hop
        return address


class _KeyRing:
    """The keys of a file, read again when it changes; what cannot be read lets nobody in."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._looked = time.monotonic()
        self._seen = self._look()
        self._keys: dict[str, Key] | None = {key.id: key for key in read_keys(path)}

    def by_id(self) -> dict[str, Key]:
        now = time.monotonic()
        if now - self._looked >= _LOOK_AGAIN:
            self._looked = now
            seen = self._look()
            if seen != self._seen or self._keys is None:
                self._seen, self._keys = seen, self._read()
        if self._keys is None:
            raise Problem(
                503, "keys-unreadable", "the service's keys cannot be read, which its log describes: tell its operator",
                headers={"Retry-After": "10"},
            )  # fmt: skip
        return self._keys

    def _look(self) -> tuple[int, ...]:
        try:
            found = os.stat(self._path)
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> dict[str, Key] | None:
        try:
            return {key.id: key for key in read_keys(self._path)}
        except DataError as error:
            _log.error("%s", error)
            return None


def _given_key(request: HTTPConnection) -> bytes | None:
    """Return the key as bytes, whatever they are; None where there is none.

    Raises
    ------
    Problem
        Where there are several that differ.
    """
    found = set()
    for name, value in request.scope["headers"]:
        if name == b"x-api-key":
            found.add(value.strip())
        elif name == b"authorization":
            kind, _, rest = value.strip().partition(b" ")
            found.add(rest.strip() if kind.lower() == b"bearer" else b"")
    if len(found) > 1:
        raise _unknown("two different keys were sent: send one")
    return found.pop() if found else None


def _unknown(detail: str) -> Problem:
    return Problem(401, "unknown-key", detail, headers={"WWW-Authenticate": 'Bearer realm="amulet-ai"'})


def _is_local(request: HTTPConnection) -> bool:
    """Return whether a request is of this machine: it came in on an address that no other reaches, and means it.

    A proxy names whom it asks for. A page of another site that was led here by a name of its own still sends that name
    (DNS rebinding), which its reader never gave to this machine.
    """
    server = request.scope.get("server")
    try:
        if not ipaddress.ip_address((server or ("",))[0].partition("%")[0]).is_loopback:
            return False
    except ValueError:  # a Unix socket, or a caller in this process
        return True
    if any(name in request.headers for name in ("x-forwarded-for", "forwarded")):
        return False
    host = request.headers.get("host", "").lower()
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        return name in ("", "localhost") or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _within(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)


def _counted(address: str) -> str:
    """Return what images from an address are counted under: of IPv6 the /64, which is what one subscriber has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "elsewhere"
    if found.version == 4:
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped or ipaddress.ip_network((found, 64), strict=False))
