"""One request: from a web address to bytes on disk, redirects followed, everything bounded."""

from __future__ import annotations

import email.utils
import http.client
import ipaddress
import re
import time
import urllib.parse
from dataclasses import dataclass
from typing import IO, NamedTuple

from ai_models.downloading.outcome import FetchError, Outcome
from ai_models.downloading.wire import Network, TimeLimit, Wire, connected

__all__ = ["Answer", "Target", "fetch", "parse"]

_REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}
_CHUNK = 64 * 1024
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}", re.ASCII)


class Target(NamedTuple):
    """A web address in its parts; `url` is how it is sent."""

    url: str
    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was sent with a file: where it came from in the end, its status, and the type that it claimed."""

    final_url: str
    status: int
    content_type: str


def parse(url: str) -> Target:
    """Take a web address apart, and percent-encode what is not ASCII.

    Raises
    ------
    FetchError
        ``bad_url``.
    """
    if _HIDDEN.search(url):
        raise FetchError(Outcome.BAD_URL, "a control character or a backslash in it")
    try:
        parts = urllib.parse.urlsplit(url)
        scheme, port = parts.scheme, parts.port
        host = _ascii_host(parts.hostname or "")
    except ValueError as error:  # UnicodeError is one
        raise FetchError(Outcome.BAD_URL, str(error)) from error
    if scheme not in _PORTS:
        raise FetchError(Outcome.BAD_URL, f"must begin with http:// or https://, got '{url[:20]}'")
    if not host:
        raise FetchError(Outcome.BAD_URL, "names no host")
    if "@" in parts.netloc:
        raise FetchError(Outcome.BAD_URL, "has a name or a password in it: leave out what stands before the @")
    port = _PORTS[scheme] if port is None else port
    if port < 1024 and port not in _PORTS.values():
        raise FetchError(Outcome.BAD_URL, f"port {port} is not for the web: 80, 443 and those from 1024 are asked")
    path = urllib.parse.quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    if parts.query:
        path += "?" + urllib.parse.quote(parts.query, safe="/%:@!$&'()*+,;=~?[]")
    target = Target("", scheme, host, port, path)
    return target._replace(url=f"{scheme}://{target.authority}{path}")


def _ascii_host(host: str) -> str:
    if ":" in host:
        return str(ipaddress.IPv6Address(host))
    name = host.encode("idna").decode("ascii")
    if re.search(r"[^\w.-]", name, re.ASCII):
        raise ValueError(f"'{host}' is no name of a host")
    return name


def fetch(
    url: str,
    sink: IO[bytes],
    *,
    network: Network,
    limit: TimeLimit,
    max_bytes: int,
    max_redirects: int,
    user_agent: str,
) -> Answer:
    """Fetch a file, following redirects that stay on the web, into an open file.

    Parameters
    ----------
    url
        Where it is said to be.
    sink
        Takes the bytes as they are sent.
    network, limit
        What may be asked, and how long all of it may take.
    max_bytes
        The most bytes of a file.
    max_redirects
        How many are followed.
    user_agent
        What is told of who asks.

    Raises
    ------
    FetchError
        With the typed outcome.
    StoppedError
        When the run was stopped.
    """
    target = parse(url)
    seen = {target.url}
    for _ in range(max_redirects + 1):
        answer = _asked(target, sink, network=network, limit=limit, max_bytes=max_bytes, user_agent=user_agent)
        if isinstance(answer, Answer):
            return answer
        target = _redirected(target, answer)
        if target.url in seen:
            raise FetchError(Outcome.REDIRECT_REFUSED, "redirects in a circle")
        seen.add(target.url)
    raise FetchError(Outcome.REDIRECT_REFUSED, f"more than {max_redirects} redirects")


def _asked(
    target: Target, sink: IO[bytes], *, network: Network, limit: TimeLimit, max_bytes: int, user_agent: str
) -> Answer | str:
    """Return the answer, its body in the sink, or where it redirects to."""
    try:
        with connected(
            target.host, target.port, encrypted=target.scheme == "https", network=network, limit=limit
        ) as wire:
            response = _request(wire, target, user_agent)
            if response.status in _REDIRECTS:
                return response.getheader("Location", "")
            _judge(response, max_bytes)
            _copy(response, wire, sink, max_bytes)
            kind = _MEDIA_TYPE.match(response.getheader("Content-Type", ""))
            return Answer(target.url, response.status, kind[0] if kind else "")
    except http.client.IncompleteRead as error:
        raise FetchError(Outcome.CUT_SHORT, "the connection ended within the file") from error
    except http.client.LineTooLong as error:
        raise FetchError(Outcome.TOO_LARGE, "a line of the header is too long") from error
    except ConnectionError as error:  # before HTTPException: RemoteDisconnected is both
        raise FetchError(Outcome.CUT_SHORT, "the server ended the connection") from error
    except (http.client.HTTPException, ValueError) as error:
        raise FetchError(Outcome.PROTOCOL, f"no HTTP answer ({type(error).__name__})") from error


def _request(wire: Wire, target: Target, user_agent: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.sock = wire  # only sendall, makefile and close are asked of it
    connection.putrequest("GET", target.path, skip_host=True, skip_accept_encoding=True)
    connection.putheader("Host", target.authority)
    connection.putheader("User-Agent", user_agent)
    connection.putheader("Accept", "image/jpeg, image/png, image/*;q=0.8, */*;q=0.5")
    connection.putheader("Accept-Encoding", "identity")
    connection.putheader("Connection", "close")
    connection.endheaders()
    return connection.getresponse()


def _judge(response: http.client.HTTPResponse, max_bytes: int) -> None:
    """Refuse from the header what need not be read."""
    if response.status != 200:
        reason = http.client.responses.get(response.status, "")
        wait = _seconds(response.getheader("Retry-After", ""))
        asks = f", asks to wait {wait:.0f} s" if wait else ""
        raise FetchError(
            Outcome.HTTP_ERROR, f"{response.status} {reason}".strip() + asks, status=response.status, wait=wait
        )
    if response.getheader("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise FetchError(Outcome.ENCODED, "sent compressed though plain bytes were asked for", status=200)
    if response.length is not None and response.length > max_bytes:
        raise FetchError(
            Outcome.TOO_LARGE, f"{response.length:,} bytes, more than the {max_bytes:,} that are taken", status=200
        )


def _copy(response: http.client.HTTPResponse, wire: Wire, sink: IO[bytes], max_bytes: int) -> None:
    promised, count = response.length, 0
    wire.budget = 2 * max_bytes + _CHUNK  # chunks carry their own lengths, which a hostile server may pad
    while data := response.read(_CHUNK):
        count += len(data)
        if count > max_bytes:
            raise FetchError(Outcome.TOO_LARGE, f"more than the {max_bytes:,} bytes that are taken", status=200)
        sink.write(data)
    if promised is not None and count < promised:
        raise FetchError(Outcome.CUT_SHORT, f"{count:,} of {promised:,} bytes came", status=200)


def _redirected(source: Target, location: str) -> Target:
    """Return where a redirect leads, if it may be followed."""
    if not location:
        raise FetchError(Outcome.REDIRECT_REFUSED, "a redirect to nowhere")
    try:
        # what servers send outside of ASCII is UTF-8, which http.client reads as Latin-1
        location = location.encode("latin-1").decode("utf-8", "replace")
        target = parse(urllib.parse.urljoin(source.url, location))
    except (FetchError, ValueError) as error:
        why = error.detail if isinstance(error, FetchError) else "no web address"
        raise FetchError(Outcome.REDIRECT_REFUSED, f"redirects to what is not asked: {why}") from error
    if source.scheme == "https" and target.scheme == "http":
        raise FetchError(Outcome.REDIRECT_REFUSED, "redirects from https to http, where anybody could change the file")
    return target


def _seconds(retry_after: str) -> float:
    """Return the seconds of a Retry-After header, which holds a number or a date; 0 where it says nothing."""
    text = retry_after.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0
