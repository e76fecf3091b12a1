"""The client against a server that does what a test says: what it sends, how often, after which pauses."""

from __future__ import annotations

import ast
import email.utils
import http.client
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import ai_models.client as module
from ai_models.client import (
    Answer,
    BusyError,
    Client,
    ImageRefusedError,
    NotAllowedError,
    Problem,
    RateLimitError,
    RequestError,
    ServiceError,
    UnreachableError,
)

GOOD = {
    "success": True, "predicted_class": "พระสมเด็จ", "confidence": 0.9, "probabilities": {"พระสมเด็จ": 0.9, "b": 0.1},
    "verdict": "in_domain", "prediction_set": ["พระสมเด็จ"], "prediction_set_by_class": [], "ood_p_value": 0.4,
    "reason": "none", "detail": "", "model_version": "abc", "processing_time_ms": 3.5, "disclaimer": "d",
    "of_a_later_version": [1, 2],
}  # fmt: skip
CUT = object()
"""Instead of an answer: the connection is cut."""


class _Scripted(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[Any] = []
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self.ports: set[int] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Scripted

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((f"{self.command} {self.path}", dict(self.headers.items()), body))
        self.server.ports.add(self.client_address[1])
        step = self.server.script.pop(0)
        if step is CUT:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        status, told, headers = step
        data = told if isinstance(told, bytes) else json.dumps(told).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _answer

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[_Scripted]:
    made = _Scripted()
    made.daemon_threads = True
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(server: _Scripted, pauses: list[float]) -> Iterator[Client]:
    with Client(server.address, key="ak_x", sleep=pauses.append, draw=lambda: 0.5) as made:
        yield made


def _said(code: int, /, **told: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
    return code, told, {}


def test_an_answer_is_typed_and_a_later_field_is_passed_over(client, server, tmp_path):
    server.script += [_said(200, **GOOD), _said(200, **GOOD | {"probabilities": None})]
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n--x\r\n\x00")
    answer = client.predict(tmp_path / "a.png", confidence_threshold=0.7)
    assert (answer.predicted_class, answer.confidence, answer.verdict) == ("พระสมเด็จ", 0.9, "in_domain")
    assert answer.prediction_set == ("พระสมเด็จ",)
    assert not client.predict(b"x", return_probabilities=False).probabilities
    (request, headers, body), (_, _, second) = server.seen
    assert request == "POST /predict/file"
    assert headers["Authorization"] == "Bearer ak_x"
    assert b"\x89PNG\r\n--x\r\n\x00" in body
    assert b'name="confidence_threshold"\r\n\r\n0.7\r\n' in body
    assert b'name="return_probabilities"\r\n\r\nfalse\r\n' in second
    assert len(server.ports) == 1, "one connection for both"


def test_a_batch_holds_answers_and_problems_in_order(client, server):
    bad = {
        "success": False,
        "status": 422,
        "type": "t",
        "title": "u",
        "detail": "cut short",
        "image_verdict": "truncated",
    }
    server.script.append(_said(200, success=True, results=[GOOD, bad, GOOD], judged=2))
    first, second, third = client.predict_batch([b"a", b"b", b"c"])
    assert isinstance(first, Answer)
    assert first == third
    assert second == Problem(422, "t", "u", "cut short", "", "truncated")
    assert server.seen[0][2].count(b'name="files"') == 3
    assert client.predict_batch([]) == []
    assert len(server.seen) == 1


def test_it_asks_again_after_pauses_that_grow_and_never_less_than_asked(client, server, pauses):
    server.script += [
        (503, {"detail": "busy"}, {"Retry-After": "2"}), CUT, (429, {}, {}), (502, b"<html>", {}), _said(200, **GOOD),
    ]  # fmt: skip
    assert client.predict(b"x").verdict == "in_domain"
    assert pauses == [2 + 0.125, 0.25, 0.5, 1.0]  # half of .25, .5, 1, 2
    names = {headers["X-Request-ID"] for _, headers, _ in server.seen}
    assert len(names) == 1, "all attempts are one request to the server's log"
    assert len({body for _, _, body in server.seen}) == 1


def test_a_date_to_wait_for_is_understood(client, server, pauses):
    at = email.utils.formatdate(time.time() + 10, usegmt=True)
    server.script += [(503, {}, {"Retry-After": at}), (503, {}, {"Retry-After": "soon"}), _said(200, **GOOD)]
    client.predict(b"x")
    assert 8 < pauses[0] < 10.3
    assert pauses[1] == 0.25


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ((503, {"detail": "the queue is full"}, {}), BusyError),
        ((429, {"detail": "the queue is full"}, {}), RateLimitError),
    ],
)
def test_it_gives_up_with_the_service_s_words(client, server, pauses, step, error):
    server.script += [step] * 5
    with pytest.raises(error, match="the queue is full") as caught:
        client.predict(b"x")
    assert caught.value.problem.status == step[0]
    assert (len(server.seen), len(pauses)) == (5, 4)


def test_no_pause_is_begun_that_would_outlast_the_patience(server, pauses):
    server.script.append((429, {"detail": "next hour"}, {"Retry-After": "3600"}))
    with Client(server.address, patience=30, sleep=pauses.append) as client, pytest.raises(RateLimitError):
        client.predict(b"x")
    assert pauses == []


@pytest.mark.parametrize(
    ("status", "told", "error"),
    [
        (400, {"detail": "not json"}, RequestError),
        (401, {"detail": "no key"}, NotAllowedError),
        (403, {"detail": "not for this"}, NotAllowedError),
        (404, b"<html>no such page", RequestError),
        (413, {"detail": "too large"}, ImageRefusedError),
        (422, {"detail": "cut", "image_verdict": "truncated", "request_id": "r7"}, ImageRefusedError),
        (422, {"detail": "field"}, RequestError),
        (500, [1], ServiceError),
        (504, {"detail": "too long"}, BusyError),
    ],
)
def test_what_asking_again_cannot_mend_is_an_error_at_once(client, server, pauses, status, told, error):
    server.script.append((status, told, {}))
    with pytest.raises(error) as caught:
        client.predict(b"x")
    assert type(caught.value) is error
    problem = caught.value.problem
    assert problem.status == status
    told = told if isinstance(told, dict) else {}
    assert problem.request_id == told.get("request_id", server.seen[0][1]["X-Request-ID"])
    assert str(caught.value) == told.get("detail", f"the service answered {status}")
    assert pauses == []


def test_nobody_there_is_told(pauses):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}", attempts=3, sleep=pauses.append) as client:
        with pytest.raises(UnreachableError, match=f"127.0.0.1:{port} cannot be reached"):
            client.health()
        assert not client.ready()
    assert len(pauses) == 2


def test_readiness_is_asked_once(client, server):
    server.script += [_said(503, status="not ready"), _said(200, status="ready")]
    assert [client.ready(), client.ready()] == [False, True]


def test_an_answer_before_the_end_of_a_large_body_is_read(client, server, pauses, monkeypatch):
    whole = http.client.HTTPConnection.request

    def cut_short(self: http.client.HTTPConnection, *args: Any, **named: Any) -> None:
        whole(self, *args, **named)
        raise BrokenPipeError("the service has read enough")

    monkeypatch.setattr(http.client.HTTPConnection, "request", cut_short)
    server.script.append((413, {"detail": "too large"}, {}))
    with pytest.raises(ImageRefusedError, match="too large"):
        client.predict(bytes(100_000))
    assert pauses == []


def test_threads_have_connections_of_their_own(client, server):
    server.script += [_said(200, **GOOD)] * 8
    ready = threading.Barrier(4)

    def ask() -> None:
        client.predict(b"x")
        ready.wait(5)  # while all four are open
        client.predict(b"x")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(server.seen), len(server.ports)) == (8, 4)


@pytest.mark.parametrize("address", ["amulets.example", "ftp://a", "http://", "http://a/?x=1", "http://a/#b"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match="address must be like"):
        Client(address)


def test_a_prefix_of_the_path_is_kept(server):
    server.script.append(_said(200, status="ok"))
    with Client(f"{server.address}/amulets/") as client:
        assert client.health() == {"status": "ok"}
    assert server.seen[0][0] == "GET /amulets/health"
    assert "Authorization" not in server.seen[0][1]


def test_the_file_needs_nothing_but_the_standard_library():
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    named = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    named |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in named} <= sys.stdlib_module_names


def test_jitter_is_drawn_from_nothing_to_the_bound(server):
    def paused(draw: Callable[[], float]) -> list[float]:
        server.script += [(503, {}, {})] * 4
        found: list[float] = []
        client = Client(server.address, attempts=4, longest_pause=0.6, sleep=found.append, draw=draw)
        with client, pytest.raises(BusyError):
            client.predict(b"x")
        return found

    assert paused(lambda: 0.0) == [0, 0, 0]
    assert paused(lambda: 1.0) == [0.25, 0.5, 0.6]
