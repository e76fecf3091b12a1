"""A connection to exactly the address that was checked, on which neither silence nor a drip lasts beyond a limit.

A name is resolved once a connection. Each of its addresses must pass the rule, and the connection goes to one of
those very addresses, so a name that resolves otherwise a moment later changes nothing. TLS checks the name.
Proxies of the environment are not used: behind one, nobody would know which address is asked.
"""

from __future__ import annotations

import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ai_models.downloading.addresses import is_public
from ai_models.downloading.outcome import FetchError, Outcome, StoppedError

__all__ = ["Network", "TimeLimit", "Wire", "connected", "system_resolver"]

Resolver = Callable[[str, int], Sequence[str]]

_SLICE = 0.25  # seconds after which a wait looks whether the run was stopped
_MOST_ADDRESSES = 4  # tried one after another
_MOST_HEADER = 64 * 1024


def system_resolver(host: str, port: int) -> list[str]:
    """Return the addresses that the system knows for a name, in its order; an IPv6 scope stays on the address.

    Spellings such as ``0x7f.1`` or ``2130706433`` are resolved here as well, so the rule sees what they mean.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    scoped = (f"{a[0]}%{a[3]}" if len(a) == 4 and a[3] and "%" not in str(a[0]) else str(a[0]) for *_, a in found)
    return list(dict.fromkeys(scoped))


@dataclass(frozen=True)
class Network:
    """How names become addresses, which of those may be asked, and whose certificates are trusted."""

    resolve: Resolver = system_resolver
    allowed: Callable[[str], bool] = is_public
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)


class TimeLimit:
    """When one request must be whole, how long silence may last, and whether the run was stopped.

    Parameters
    ----------
    total, silence
        Seconds.
    stop
        Set when the run ends.
    """

    def __init__(self, total: float, silence: float, stop: threading.Event) -> None:
        self.total, self.silence, self.stop = total, silence, stop
        self._end = time.monotonic() + total

    def left(self, since: float) -> float:
        """Return the seconds left of a wait that began at `since` (monotonic clock); never 0 or less.

        Raises
        ------
        FetchError
            ``timeout``.
        StoppedError
            When the run was stopped.
        """
        if self.stop.is_set():
            raise StoppedError
        now = time.monotonic()
        if now >= self._end:
            raise FetchError(Outcome.TIMEOUT, f"not whole after {self.total:g} s")
        if now >= since + self.silence:
            raise FetchError(Outcome.TIMEOUT, f"silent for {self.silence:g} s")
        return min(self._end, since + self.silence) - now


class Wire:
    """What `http.client` takes for a socket.

    Attributes
    ----------
    budget
        Bytes that may still arrive: the header's limit first, then what the reader of the body grants.
    """

    def __init__(self, connection: socket.socket, limit: TimeLimit) -> None:
        self.connection, self.limit, self.budget = connection, limit, _MOST_HEADER

    def sendall(self, data: bytes) -> None:
        """Send, within the time that is left."""
        self.connection.settimeout(self.limit.left(time.monotonic()))
        try:
            self.connection.sendall(data)
        except TimeoutError as error:
            raise FetchError(Outcome.TIMEOUT, "the request was not taken in time") from error
        except OSError as error:
            raise _broken(error) from error

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the stream of what arrives."""
        return io.BufferedReader(_Arriving(self))

    def close(self) -> None:
        """Do nothing: `http.client` closes while the body is still to be read; `connected` ends it."""


class _Arriving(io.RawIOBase):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        wire, since = self._wire, time.monotonic()
        if wire.budget <= 0:
            raise FetchError(Outcome.TOO_LARGE, "more bytes around the file than a header and chunks need")
        while True:
            wire.connection.settimeout(min(wire.limit.left(since), _SLICE))
            try:
                count = wire.connection.recv_into(buffer)
            except TimeoutError:
                continue
            except OSError as error:
                raise _broken(error) from error
            wire.budget -= count
            return count


def _broken(error: OSError) -> FetchError:
    return FetchError(Outcome.CUT_SHORT, f"the connection broke ({error.strerror or error})")


@contextmanager
def connected(host: str, port: int, *, encrypted: bool, network: Network, limit: TimeLimit) -> Iterator[Wire]:
    """Connect to a host, if every address of it may be asked.

    Raises
    ------
    FetchError
        ``address_refused``, ``unreachable``, ``tls`` or ``timeout``.
    """
    addresses = _checked(host, port, network, limit)
    connection = _reached(host, addresses, port, limit)
    try:
        if encrypted:
            connection = _secured(connection, host, network, limit)
        yield Wire(connection, limit)
    finally:
        connection.close()


def _checked(host: str, port: int, network: Network, limit: TimeLimit) -> Sequence[str]:
    addresses = _resolved(host, port, network.resolve, limit)
    refused = [address for address in addresses if not network.allowed(address)]
    if refused:
        raise FetchError(Outcome.ADDRESS_REFUSED, f"{host} is {refused[0]}, which is not a public address")
    return addresses[:_MOST_ADDRESSES]


def _resolved(host: str, port: int, resolve: Resolver, limit: TimeLimit) -> Sequence[str]:
    """Ask the resolver on a thread of its own, as nothing else can end its waiting."""
    found: list[Sequence[str]] = []
    failed: list[Exception] = []

    def ask() -> None:
        try:
            found.append(resolve(host, port))
        except (OSError, UnicodeError) as error:
            failed.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    since = time.monotonic()
    while asking.is_alive():
        asking.join(min(limit.left(since), _SLICE))
    if not found or not found[0]:
        raise FetchError(Outcome.UNREACHABLE, f"the name {host} is not known") from (failed[0] if failed else None)
    return found[0]


def _reached(host: str, addresses: Sequence[str], port: int, limit: TimeLimit) -> socket.socket:
    fault: OSError | None = None
    for address in addresses:
        connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            connection.settimeout(limit.left(time.monotonic()))
            connection.connect((address, port))
            return connection
        except OSError as error:
            connection.close()
            fault = error
    reason = "no answer in time" if isinstance(fault, TimeoutError) else str(fault and fault.strerror).lower()
    raise FetchError(Outcome.UNREACHABLE, f"no connection to {host}: {reason}") from fault


def _secured(connection: socket.socket, host: str, network: Network, limit: TimeLimit) -> socket.socket:
    connection.settimeout(limit.left(time.monotonic()))
    try:
        return network.tls.wrap_socket(connection, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise FetchError(Outcome.TLS, f"the certificate of {host} is not trusted: {error.verify_message}") from error
    except TimeoutError as error:
        raise FetchError(Outcome.TIMEOUT, f"no encrypted connection to {host} in time") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise FetchError(Outcome.TLS, f"no encrypted connection to {host}: {reason}") from error
