"""A client that costs little: prepared requests over many connections, one thread, no library."""

from __future__ import annotations

import errno
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from service_process import HEADS


@dataclass(slots=True)
class Outcome:
    """What became of one request.

    Attributes
    ----------
    name
        As its head bore it.
    sent
        When, as `time.perf_counter` has it.
    seconds
        Until the answer was whole.
    status
        Of the answer; 0 where there was none.
    closes
        Whether the answer said that the connection ends.
    """

    name: str
    sent: float
    seconds: float
    status: int
    closes: bool = False


@dataclass(slots=True)
class _Connection:
    sock: socket.socket
    out: memoryview = field(default_factory=lambda: memoryview(b""))
    come: bytearray = field(default_factory=bytearray)
    name: str = ""
    sent: float = 0.0


def multipart(data: bytes) -> tuple[bytes, bytes]:
    """Return the rest of the head and the body of a request to ``/predict/file``."""
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body = part + data + b"\r\n--x--\r\n"
    head = f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return head, body


class Load:
    """Sends images to ``/predict/file``.

    Parameters
    ----------
    port
        On 127.0.0.1.
    images
        Files, sent in turn.
    """

    def __init__(self, port: int, images: Sequence[bytes]) -> None:
        self.port = port
        self.requests = [multipart(data) for data in images]
        self.selector = selectors.DefaultSelector()
        self.idle: list[_Connection] = []
        self.busy: dict[int, _Connection] = {}
        self.count = 0
        self.outcomes: list[Outcome] = []

    def closed(self, connections: int, seconds: float, until: Callable[[], bool] = lambda: False) -> list[Outcome]:
        """Keep so many requests going, each sent when another was answered."""
        end = time.perf_counter() + seconds
        while (now := time.perf_counter()) < end and not until():
            while len(self.busy) < connections:
                if not self._send():
                    break
            self._poll(min(0.05, end - now))
        self._finish(3.0)
        return self.outcomes

    def open(self, rate: float, seconds: float) -> list[Outcome]:
        """Send so many requests a second, whether the others were answered or not."""
        start = time.perf_counter()
        sent = 0
        while (now := time.perf_counter() - start) < seconds:
            while sent < rate * now:
                sent += 1
                self._send()
            self._poll(max(0.0, min(0.05, (sent + 1) / rate - (time.perf_counter() - start))))
        self._finish(5.0)
        return self.outcomes

    def _finish(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        while self.busy and time.perf_counter() < end:
            self._poll(0.05)
        for connection in [*self.busy.values(), *self.idle]:
            self._over(connection, 0)
            connection.sock.close()
        self.idle.clear()
        self.selector.close()

    def _send(self) -> bool:
        head, body = self.requests[self.count % len(self.requests)]
        self.count += 1
        name = str(self.count)
        connection = self._unused()
        if connection is None:
            sock = socket.socket()
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            failed = sock.connect_ex(("127.0.0.1", self.port))
            if failed not in (0, errno.EINPROGRESS):
                sock.close()
                self.outcomes.append(Outcome(name, time.perf_counter(), 0.0, 0))
                return False
            connection = _Connection(sock)
        line = f"POST /predict/file HTTP/1.1\r\nHost: localhost\r\n{HEADS}: {name}\r\n".encode()
        connection.out = memoryview(line + head + body)
        connection.name, connection.sent = name, time.perf_counter()
        connection.come.clear()
        self.busy[connection.sock.fileno()] = connection
        self.selector.register(connection.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)
        return True

    def _unused(self) -> _Connection | None:
        """Return an open connection, if any; the service closes those that were not used for some seconds."""
        while self.idle:
            connection = self.idle.pop()
            try:
                connection.sock.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                return connection
            except OSError:
                pass
            connection.sock.close()
        return None

    def _poll(self, seconds: float) -> None:
        for key, events in self.selector.select(seconds):
            connection: _Connection = key.data
            try:
                if events & selectors.EVENT_WRITE and connection.out:
                    connection.out = connection.out[connection.sock.send(connection.out) :]
                    if not connection.out:
                        self.selector.modify(connection.sock, selectors.EVENT_READ, connection)
                if events & selectors.EVENT_READ:
                    data = connection.sock.recv(65536)
                    connection.come += data
                    if not data or _whole(connection.come):
                        self._answered(connection)
            except BlockingIOError:
                continue
            except OSError:
                self._answered(connection)

    def _answered(self, connection: _Connection) -> None:
        come = connection.come
        status = int(come[9:12]) if _whole(come) else 0
        closes = b"connection: close" in come[: come.find(b"\r\n\r\n")].lower()
        self._over(connection, status, closes)
        if status and not closes:
            self.idle.append(connection)
        else:
            connection.sock.close()

    def _over(self, connection: _Connection, status: int, closes: bool = False) -> None:
        if self.busy.pop(connection.sock.fileno(), None) is not None:
            self.selector.unregister(connection.sock)
            took = time.perf_counter() - connection.sent
            self.outcomes.append(Outcome(connection.name, connection.sent, took, status, closes))


def _whole(come: bytearray) -> bool:
    end = come.find(b"\r\n\r\n")
    if end < 0:
        return False
    at = come[:end].lower().find(b"content-length:")
    if at < 0:
        return True
    line = bytes(come[at + 15 : come.find(b"\r\n", at)])
    return len(come) >= end + 4 + int(line)
