"""Clients that are slow, or too many: a real server, real sockets."""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from ai_models.serving.settings import ServiceSettings

HEAD = b"POST /predict/file HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


@contextmanager
def _connection(client: httpx.Client):
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=15) as sock:
        yield sock


def _all(sock: socket.socket) -> bytes:
    come = b""
    while data := sock.recv(65536):
        come += data
    return come


def _problem(come: bytes) -> tuple[int, str]:
    head, _, body = come.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"connection: close" in head.lower()
    problem = json.loads(body)
    assert problem["status"] == int(head[9:12])
    assert problem["error_message"] == problem["detail"]
    return problem["status"], problem["type"].rpartition(":")[2]


@pytest.fixture(scope="module")
def strict(running):
    """A service that waits for nobody, with room for few connections and few bytes."""
    with running(
        head_seconds=0.5, body_seconds=0.8, connections=12, max_bytes=20_000, max_batch_bytes=20_000, held_bytes=1024,
        workers=1,
    ) as (client, _):  # fmt: skip
        yield client


@pytest.mark.parametrize("sent", [b"", b"POST /predict/fi", HEAD], ids=["nothing", "a line", "most of it"])
def test_a_head_that_does_not_come(strict, sent):
    start = time.monotonic()
    with _connection(strict) as sock:
        sock.sendall(sent)
        assert _problem(_all(sock)) == (408, "slow-request")
    assert 0.4 < time.monotonic() - start < 3


def test_a_head_that_drips_after_an_answer(strict):
    with _connection(strict) as sock:
        sock.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")
        start = time.monotonic()
        while time.monotonic() - start < 10:
            try:
                sock.sendall(b"G")
            except OSError:  # a broken pipe, or a connection reset
                break
            time.sleep(0.05)
        assert time.monotonic() - start < 3


def test_a_body_that_does_not_come(strict):
    start = time.monotonic()
    with _connection(strict) as sock:
        sock.sendall(HEAD + b"Content-Length: 5000\r\n\r\n" + PART)
        assert _problem(_all(sock)) == (408, "slow-request")
    assert 0.7 < time.monotonic() - start < 3


def test_the_bytes_of_all_bodies_are_bounded(strict, gradient_png):
    room = ServiceSettings(max_bytes=20_000, max_batch_bytes=20_000, held_bytes=1024).held_limit()
    with ExitStack() as stack:
        sockets = [stack.enter_context(_connection(strict)) for _ in range(8)]
        for sock in sockets:
            sock.sendall(HEAD + b"Content-Length: 80000\r\n\r\n" + PART + bytes(60_000))
        answers = [sock.recv(65536) for sock in sockets]
    refused = [come for come in answers if come.startswith(b"HTTP/1.1 503")]
    assert len(refused) == 8 - room // 60_000
    assert all(b"retry-after: 2" in come and b":busy" in come for come in refused)
    assert all(come.startswith(b"HTTP/1.1 408") for come in answers if come not in refused)
    assert _recovered(strict, gradient_png)


def test_too_many_connections_are_told_so(strict, gradient_png):
    assert strict.get("/livez").status_code == 200  # its connection, kept open, is one of the twelve
    with ExitStack() as stack:
        for _ in range(11):
            stack.enter_context(_connection(strict))
        time.sleep(0.1)
        with _connection(strict) as one_more:
            one_more.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            come = _all(one_more)
            assert _problem(come) == (503, "busy")
            assert b"Retry-After: 1" in come
    assert _recovered(strict, gradient_png)


def test_what_is_no_http_is_a_problem_too(strict):
    with _connection(strict) as sock:
        sock.sendall(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        assert _problem(_all(sock)) == (400, "not-http")


def _recovered(client: httpx.Client, picture: bytes) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if client.post("/predict/file", files={"file": picture}).status_code == 200:
            return True
        time.sleep(0.1)
    return False
