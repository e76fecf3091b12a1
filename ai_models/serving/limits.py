"""The size of a request's body, counted while it is received."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ai_models.serving.problems import too_large
from ai_models.serving.settings import ServiceSettings

__all__ = ["BodyLimit"]

_SEVERAL = ("/predict/batch", "/infer")  # ends of the paths that take several images


class BodyLimit:
    """ASGI middleware that stops reading a body which cannot hold an image of the allowed size.

    Parameters
    ----------
    app
        The application within.
    settings
        Its limits.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with a counted body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_file = headers.get("content-type", "").lower().startswith("multipart/")
        several = scope.get("path", "").endswith(_SEVERAL)
        limit = self.settings.body_limit(encoded=not is_file, several=several)
        told = self.settings.max_batch_bytes if several else self.settings.max_bytes
        await self.app(scope, _Counted(receive, limit, headers, told), send)


class _Counted:
    """The body of one request; raises the problem when it is, or says that it will be, longer than the limit."""

    def __init__(self, receive: Receive, limit: int, headers: Headers, max_bytes: int) -> None:
        self.receive = receive
        self.limit = limit
        self.max_bytes = max_bytes
        declared = headers.get("content-length", "")
        self.declared = int(declared) if declared.isascii() and declared.isdigit() else 0
        self.waits = headers.get("expect", "").lower() == "100-continue"  # nothing is sent before we ask for it
        self.received = 0

    async def __call__(self) -> Message:
        if self.declared > self.limit:
            if not self.waits:
                await self._discard()
            raise too_large(self.max_bytes)
        message = await self.receive()
        self.received += len(message.get("body", b""))
        if self.received > self.limit:
            if message.get("more_body", False):
                await self._discard()
            raise too_large(self.max_bytes)
        return message

    async def _discard(self) -> None:
        """Read on for a while: a client that is cut off while sending would not see the answer."""
        dropped, more = 0, True
        while more and dropped <= self.limit:
            message = await self.receive()
            dropped += len(message.get("body", b""))
            more = message.get("more_body", False)
