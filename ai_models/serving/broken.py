"""Clients that break the protocol while they are answered."""

from __future__ import annotations

import h11
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ai_models.core.logs import get_logger

__all__ = ["BrokenProtocol"]

_log = get_logger(__name__)


class BrokenProtocol:
    """ASGI middleware: drops what can be sent no more, where the server would write a traceback for each such client.

    A body whose chunks are wrong, say, was answered with 400 by the server itself; the application's own answer then
    finds the connection in no state to take it.

    Parameters
    ----------
    app
        The application within.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer as long as there is somewhere to send it to."""
        broken = False

        async def sent(message: Message) -> None:
            nonlocal broken
            if broken:
                return
            try:
                await send(message)
            except h11.LocalProtocolError:
                broken = True
                _log.info("a client broke the protocol: its answer is dropped")

        await self.app(scope, receive, sent)
