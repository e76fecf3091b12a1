"""A body is counted while it comes, whatever its header says; a client that still sends is listened to for a while."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ai_models.serving.limits import BodyLimit
from ai_models.serving.problems import Problem
from ai_models.serving.settings import ServiceSettings

SETTINGS = ServiceSettings(max_bytes=100_000)
LIMIT = SETTINGS.body_limit(encoded=True)
CHUNK = 10_000


def _send(chunks: int | None, **headers: str) -> tuple[int, int, Problem | None]:
    """Send chunks (None: without end); return bytes the application got, bytes read in all, and the problem."""
    got, read, problem = 0, 0, None

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += CHUNK
        return {"type": "http.request", "body": bytes(CHUNK), "more_body": chunks is None or read < chunks * CHUNK}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal got, problem
        more = True
        try:
            while more:
                message = await receive()
                got += len(message["body"])
                more = message["more_body"]
        except Problem as raised:
            problem = raised

    async def send(message: Any) -> None:
        raise AssertionError("nothing is sent here")

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(BodyLimit(app, SETTINGS)({"type": "http", "headers": raw}, receive, send))
    return got, read, problem


def test_a_body_within_the_limit_passes():
    assert _send(5) == (5 * CHUNK, 5 * CHUNK, None)


@pytest.mark.parametrize("headers", [{}, {"content_length": "1000"}, {"content_length": "-1"}], ids=str)
def test_a_longer_one_is_cut_off_and_the_rest_thrown_away(headers):
    chunks = LIMIT // CHUNK + 5
    got, read, problem = _send(chunks, **headers)
    assert LIMIT - CHUNK < got <= LIMIT
    assert read == chunks * CHUNK
    assert problem is not None
    assert problem.status_code == 413


def test_one_without_end_is_left():
    got, read, problem = _send(None)
    assert got <= LIMIT
    assert read <= 2 * LIMIT + 2 * CHUNK
    assert problem is not None


def test_one_that_is_announced_as_too_long_does_not_reach_the_application():
    got, read, problem = _send(40, content_length=str(40 * CHUNK))
    assert got == 0
    assert 0 < read <= LIMIT + CHUNK
    assert problem is not None
    assert _send(40, content_length=str(40 * CHUNK), expect="100-continue")[:2] == (0, 0)


def test_a_file_is_not_given_the_room_of_base64():
    room = SETTINGS.body_limit(encoded=False) // CHUNK + 1
    assert _send(room, content_type="multipart/form-data; boundary=x")[2] is not None
    assert _send(room, content_type="application/json")[2] is None
