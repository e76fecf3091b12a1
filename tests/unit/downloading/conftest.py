"""A web server on loopback that behaves as badly as is asked, and a network that may ask it."""

from __future__ import annotations

import gzip
import io
import socket
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ai_models.core.settings import DownloadConfig
from ai_models.downloading import Network

LOCAL = Network(allowed=lambda address: address == "127.0.0.1")
FAST = DownloadConfig(workers=4, per_host=4, delay=0.0, retries=2, timeout=1.0, deadline=3.0, max_megabytes=1.0)


def picture(number: int, kind: str = "JPEG") -> bytes:
    """Return an image file of its own content for each number."""
    pixels = np.random.default_rng(number).integers(0, 255, (24, 32, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


class Site(ThreadingHTTPServer):
    """The server; `asked` counts the requests of each path, `heads` keeps the last headers."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: Counter[str] = Counter()
        self.heads: dict[str, dict[str, str]] = {}
        self.latency = 0.0
        self.ended = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        site = self.server
        site.asked[self.path] += 1
        site.heads[self.path] = dict(self.headers)
        time.sleep(site.latency)
        name, _, rest = self.path[1:].partition("/")
        getattr(self, f"_{name}")(rest)

    def _send(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        given = {"Content-Type": "image/jpeg", "Content-Length": str(len(body))} | {
            k.replace("_", "-"): v for k, v in headers.items()
        }
        for key, value in given.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def _image(self, rest: str) -> None:
        self._send(picture(int(rest.split(".")[0])))

    def _png(self, rest: str) -> None:
        self._send(picture(int(rest), "PNG"))

    def _status(self, rest: str) -> None:
        self._send(b"no", int(rest))

    def _busy(self, rest: str) -> None:
        if self.server.asked[self.path] == 1:
            self._send(b"later", 429, Retry_After=rest)
        else:
            self._image("1")

    def _flaky(self, rest: str) -> None:
        if self.server.asked[self.path] <= int(rest):
            self._send(b"oh", 500)
        else:
            self._image("1")

    def _to(self, rest: str) -> None:
        self._send(b"", 302, Location=urllib.parse.unquote(rest))

    def _nowhere(self, rest: str) -> None:
        self.send_response(302)
        self.end_headers()

    def _round(self, rest: str) -> None:
        self._send(b"", 302, Location="/round/b" if rest == "a" else "/round/a")

    def _far(self, rest: str) -> None:
        self._send(b"", 302, Location=f"/far/{int(rest) + 1}")

    def _html(self, rest: str) -> None:
        self._send(b"<html>not an image</html>")

    def _empty(self, rest: str) -> None:
        self._send(b"")

    def _zipped(self, rest: str) -> None:
        self._send(gzip.compress(picture(1)), Content_Encoding="gzip")

    def _short(self, rest: str) -> None:
        body = picture(1)
        self._send(body, Content_Length=str(len(body) + 100))

    def _halved(self, rest: str) -> None:
        """Half of an image, its end told by the end of the connection alone."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(picture(1)[:600])

    def _claims(self, rest: str) -> None:
        self._send(b"", Content_Length=rest)

    def _endless(self, rest: str) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.server.ended.is_set():
            self.wfile.write(b"\xff\xd8\xff" + bytes(60_000))

    def _drip(self, rest: str) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.server.ended.wait(0.1):
            self.wfile.write(b"\xff")

    def _slowhead(self, rest: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not self.server.ended.wait(0.1):
            self.wfile.write(b"x")

    def _silent(self, rest: str) -> None:
        self.server.ended.wait(20)

    def _bighead(self, rest: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(90):
            self.wfile.write(b"X-%d: %s\r\n" % (number, b"y" * 2_000))
        self.wfile.write(b"\r\n")

    def _longline(self, rest: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000 + b"\r\n\r\n")

    def _nohttp(self, rest: str) -> None:
        self.wfile.write(b"220 mail is welcome\r\n")

    def _hangup(self, rest: str) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def _chunked(self, rest: str) -> None:
        self.protocol_version = "HTTP/1.1"
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        body = picture(1)
        pieces = [body[i : i + 100] for i in range(0, len(body), 100)]
        for piece in pieces[: 3 if rest == "cut" else None]:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if rest != "cut":
            self.wfile.write(b"0\r\n\r\n")

    def _padded(self, rest: str) -> None:
        """Chunks of one byte, each with an extension of 10 kB."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not self.server.ended.is_set():
            self.wfile.write(b"1;" + b"e" * 10_000 + b"\r\n\xff\r\n")


@pytest.fixture(autouse=True)
def connects(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Note every address that a socket is asked to connect to, and let no test leave this machine."""
    seen: list[tuple[str, int]] = []
    connect = socket.socket.connect

    def noted(self: socket.socket, address: tuple[str, int]) -> None:
        seen.append(address[:2])
        if not address[0].startswith("127."):
            raise ConnectionRefusedError(111, f"a test connected to {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noted)
    return seen


@pytest.fixture
def site() -> Iterator[Site]:
    """Serve on a free port of 127.0.0.1."""
    server = Site()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.ended.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def listed(tmp_path: Path) -> Callable[..., Path]:
    """Write a list of (url, class)."""

    def write(*rows: tuple[str, ...], header: str = "url,class", name: str = "list.csv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n", encoding="utf-8")
        return path

    return write
