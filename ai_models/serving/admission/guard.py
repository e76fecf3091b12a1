"""Routes that ask who comes, and how often, before they read what is sent; and read no more than an answer needs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect

from ai_models.serving.admission.door import Caller, Door
from ai_models.serving.admission.keys import Scope
from ai_models.serving.problems import Problem, too_many_values
from ai_models.serving.settings import ServiceSettings

__all__ = ["SCOPE", "charge", "frugal_json", "guarded"]

SCOPE = "x-scope"
"""The member of an operation's description that names its scope."""
_FIELDS = 8  # of a form, beside its files
_LARGEST_FIELD = 4096
_SECONDS_TO_LISTEN = 5.0  # to the body of a request that is refused
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def guarded(scope: Scope, *, several: bool = False) -> type[APIRoute]:
    """Return the class of routes that need a scope.

    Parameters
    ----------
    scope
        What a caller must be allowed.
    several
        Whether a form may hold several files.
    """

    class Guarded(APIRoute):
        def __init__(self, *args: Any, **more: Any) -> None:
            more["openapi_extra"] = {**(more.get("openapi_extra") or {}), SCOPE: str(scope)}
            super().__init__(*args, **more)

        def get_route_handler(self) -> Handler:
            answer = super().get_route_handler()

            async def admitted(request: Request) -> Response:
                door: Door | None = request.app.state.door
                if door is None:
                    raise Problem(503, "no-model", "the service has not started: start it before asking")
                try:
                    request.state.caller = door.caller(request, scope)
                    charge(request, 1)
                except Problem:
                    await _listen(request)
                    raise
                return await answer(_Frugal(request, several=several))

            return admitted

    return Guarded


def charge(request: Request, images: int) -> None:
    """Count images of the caller.

    Raises
    ------
    Problem
        429 above the limit.
    """
    door: Door = request.app.state.door
    caller: Caller = request.state.caller
    allowance = door.count(caller, images)
    request.state.allowance = allowance
    if allowance is not None and not allowance.granted:
        detail = f"more than {caller.rate} images in a minute: try again in {allowance.seconds} s"
        raise Problem(429, "too-many-requests", detail, headers={"Retry-After": str(allowance.seconds)})


def frugal_json(data: bytes, limit: int) -> Any:
    """Parse JSON unless it holds more values than `limit`: an image in base64 is one of them, however long.

    Raises
    ------
    Problem
        413 above the limit.
    ValueError, RecursionError
        When it is no JSON.
    """
    if data.count(b",") + data.count(b"[") + data.count(b"{") > limit:
        raise too_many_values(limit)
    return json.loads(data)


class _Frugal(Request):
    """A request of which no more is read and parsed than it may hold."""

    def __init__(self, request: Request, *, several: bool) -> None:
        super().__init__(request.scope, request.receive, request._send)
        self._several = several

    async def json(self) -> Any:
        settings: ServiceSettings = self.app.state.settings
        return frugal_json(await self.body(), settings.max_values)

    async def _get_form(self, **given: Any) -> FormData:
        settings: ServiceSettings = self.app.state.settings
        files = settings.max_batch if self._several else 1
        try:
            return await super()._get_form(max_files=files, max_fields=_FIELDS, max_part_size=_LARGEST_FIELD)
        except HTTPException:
            raise
        except (ValueError, LookupError) as error:  # a boundary or a character set that is none
            raise HTTPException(400, "the form cannot be parsed: send multipart/form-data") from error


async def _listen(request: Request) -> None:
    """Receive what a refused client sends, for a while: one that is cut off while sending would not see the answer."""
    if request.headers.get("expect", "").lower() == "100-continue":
        return  # it waits to be asked
    with suppress(Problem, ClientDisconnect, TimeoutError):
        async with asyncio.timeout(_SECONDS_TO_LISTEN):
            async for _ in request.stream():
                pass
