"""A name for every request: in its answer, in its problem and in each line of the log that it causes."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["RequestIds", "current_request_id"]

_SANE = re.compile(rb"(?!ak_)[A-Za-z0-9._-]{1,64}")  # a key that was put into the wrong header goes no further
_current: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """Return the name of the request that is being answered; empty outside of one."""
    return _current.get()


class RequestIds:
    """ASGI middleware: takes a sane ``X-Request-ID`` over, or makes one, and sends it back.

    Parameters
    ----------
    app
        The application within.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on under its name."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        name = given if _SANE.fullmatch(given) else secrets.token_hex(16).encode()

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", name)]
            await send(message)

        token = _current.set(name.decode())
        try:
            await self.app(scope, receive, named)
        finally:
            _current.reset(token)
