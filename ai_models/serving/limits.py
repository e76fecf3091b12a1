"""What requests may hold: the size of each body, counted while it is received, its time, and the bytes of all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ai_models.serving.problems import Problem, too_large
from ai_models.serving.refusals import answer, busy, slow, stopping
from ai_models.serving.settings import ServiceSettings

__all__ = ["Bodies", "BodyLimit"]

_SECONDS_TO_RETRY = 2.0
_SEVERAL = ("/predict/batch", "/infer")  # ends of the paths that take several images


class Bodies:
    """The bodies that are held, of all requests together.

    Parameters
    ----------
    most
        Bytes.

    Attributes
    ----------
    held
        Bytes that are held now.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0
        self._coming: set[asyncio.Timeout] = set()
        self._stopped = False

    async def next(self, receive: Receive, by: float, late: Problem) -> Message:
        """Return the next part of a body.

        Parameters
        ----------
        receive
            Gives it.
        by
            Time of the event loop at which whoever still sends is told so.
        late
            What is told then.
        """
        timeout = asyncio.timeout_at(by)
        try:
            async with timeout:
                if self._stopped:
                    timeout.reschedule(0.0)  # what is there already may be taken
                self._coming.add(timeout)
                return await receive()
        except TimeoutError:
            raise (stopping() if self._stopped else late) from None
        finally:
            self._coming.discard(timeout)

    def stop(self) -> None:
        """Wait for no body any more."""
        self._stopped = True
        for timeout in self._coming:
            timeout.reschedule(0.0)


class BodyLimit:
    """ASGI middleware that reads no more of a body, and for no longer, than an image of the allowed size needs.

    Parameters
    ----------
    app
        The application within.
    settings
        Its limits.
    bodies
        Of all requests.
    refusal
        Gives the problem with which a question is refused before its body is read; None where it may be asked.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: ServiceSettings,
        bodies: Bodies | None = None,
        refusal: Callable[[], Problem | None] = lambda: None,
    ) -> None:
        self.app = app
        self.settings = settings
        self.bodies = bodies or Bodies(settings.held_limit())
        self.refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with a counted body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope.get("method") == "POST" and (problem := self.refusal()) is not None:
            await answer(problem, scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_file = headers.get("content-type", "").lower().startswith("multipart/")
        several = scope.get("path", "").endswith(_SEVERAL)
        limit = self.settings.body_limit(encoded=not is_file, several=several)
        told = self.settings.max_batch_bytes if several else self.settings.max_bytes
        seconds = self.settings.body_seconds
        counted = _Counted(receive, headers, self.bodies, limit=limit, told=told, seconds=seconds)
        try:
            await self.app(scope, counted, send)
        finally:
            self.bodies.held -= counted.held


class _Counted:
    """The body of one request; raises the problem when it is, or says that it will be, longer than the limit."""

    def __init__(
        self, receive: Receive, headers: Headers, bodies: Bodies, *, limit: int, told: int, seconds: float
    ) -> None:
        self._receive = receive
        self.limit = limit
        self.told = told
        self.seconds = seconds
        self.bodies = bodies
        declared = headers.get("content-length", "")
        self.declared = int(declared) if declared.isascii() and declared.isdigit() else 0
        self.waits = headers.get("expect", "").lower() == "100-continue"  # nothing is sent before we ask for it
        self.by = asyncio.get_running_loop().time() + self.seconds
        self.received = self.held = 0
        self.whole = False

    async def __call__(self) -> Message:
        if self.whole:
            return await self._receive()  # only the end of the connection is left to come
        if self.declared > self.limit:
            if not self.waits:
                await self._discard()
            raise too_large(self.told)
        message = await self._next()
        size = len(message.get("body", b""))
        self.received += size
        if self.received > self.limit:
            if not self.whole:
                await self._discard()
            raise too_large(self.told)
        if self.bodies.held + size > self.bodies.most:
            raise busy(_SECONDS_TO_RETRY)
        self.held += size
        self.bodies.held += size
        return message

    async def _next(self) -> Message:
        message = await self.bodies.next(self._receive, self.by, slow(self.seconds))
        self.whole = not message.get("more_body", False)
        return message

    async def _discard(self) -> None:
        """Read on for a while: a client that is cut off while sending would not see the answer."""
        dropped = 0
        while not self.whole and dropped <= self.limit:
            message = await self._next()
            dropped += len(message.get("body", b""))
