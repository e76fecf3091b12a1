"""Connections that are held: how many at once, and how long one may take to say what it wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from ai_models.serving.problems import MEDIA_TYPE, Problem, problem_content
from ai_models.serving.refusals import busy
from ai_models.serving.settings import ServiceSettings

__all__ = ["connections_within"]

_SECONDS_TO_RETRY = 1.0


def connections_within(settings: ServiceSettings) -> Callable[..., asyncio.Protocol]:
    """Return the protocol of a server that keeps to the settings, for uvicorn's ``http``."""

    class Within(_Bounded):
        most = settings.connections
        seconds = settings.head_seconds

    return Within


class _Bounded(H11Protocol):
    """A connection whose requests must have a head within a time.

    The time runs from the connection, or from the first byte after an answer: also for what is left of a body that
    nobody wanted. Between requests the server's own, shorter time for idle connections holds.
    """

    most: int
    seconds: float

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named)
        self._timer: asyncio.TimerHandle | None = None
        self._too_many = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time."""
        super().connection_made(transport)
        self._too_many = len(self.connections) > self.most
        self._start(min(self.seconds, _SECONDS_TO_RETRY) if self._too_many else self.seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; stop the time where they complete a head, start it where they begin one."""
        if self._too_many:  # it has said something, so it sees the answer
            self._leave(busy(_SECONDS_TO_RETRY))
            return
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()
        elif self._timer is None and not self.transport.is_closing():
            self._start(self.seconds)

    def on_response_complete(self) -> None:
        """Let the time run on what follows, if it is there already."""
        super().on_response_complete()
        if self.cycle is not None and not self.cycle.response_complete:  # a request that waited behind the other
            self._stop()

    def send_400_response(self, msg: str) -> None:
        """Tell of a request that is none as of every other problem."""
        self._leave(Problem(400, "not-http", "the request is not HTTP/1.1 as RFC 9112 has it: send it anew"))

    def _start(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._late)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self.cycle is not None and self.cycle.response_complete:  # it was answered, and sends on
            self.transport.close()
        elif self._too_many:
            self._leave(busy(_SECONDS_TO_RETRY))
        else:
            detail = f"the head of the request must come within {self.seconds:g} s: send it again"
            self._leave(Problem(408, "slow-request", detail))

    def _leave(self, problem: Problem) -> None:
        """Answer without the application, and close."""
        self._stop()
        if self.transport.is_closing():
            return
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.close()  # in the midst of an answer there is no room for another
            return
        body = json.dumps(problem_content(problem)).encode("ascii")
        headers = {
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(body)),
            "Connection": "close",
            **(problem.headers or {}),
        }
        lines = [f"HTTP/1.1 {problem.status_code} {HTTPStatus(problem.status_code).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.transport.write("\r\n".join([*lines, "", ""]).encode("ascii") + body)
        self.transport.close()
