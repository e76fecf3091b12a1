"""What every answer tells a browser: show nothing but this, keep nothing, and run it inside no other page."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ai_models.serving.admission.rates import WINDOW, Allowance

__all__ = ["CROSS_ORIGIN", "Headers"]

CROSS_ORIGIN: dict[str, Any] = {
    "allow_methods": ("GET", "POST"),
    "allow_headers": ("Authorization", "Content-Type", "X-API-Key", "X-Request-ID"),
    "expose_headers": ("RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID"),
    "max_age": 600,
}
"""What pages of other origins may do where they may ask at all; never with cookies."""
_EACH = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",  # pages bring their own
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Headers:
    """ASGI middleware: security headers, and how much of a limit is left.

    Parameters
    ----------
    app
        The application within.
    hsts_seconds
        How long a browser is to come back through TLS only; 0 to say nothing of it.
    """

    def __init__(self, app: ASGIApp, hsts_seconds: int = 0) -> None:
        self.app = app
        self.each = dict(_EACH)
        if hsts_seconds:
            self.each["strict-transport-security"] = f"max-age={hsts_seconds}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and add to the head of its answer what is not there."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.each.items():
                    headers.setdefault(name, value)
                allowance = state.get("allowance")
                if isinstance(allowance, Allowance):  # draft-ietf-httpapi-ratelimit-headers
                    headers["ratelimit-policy"] = f'"minute";q={allowance.limit};w={WINDOW}'
                    headers["ratelimit"] = f'"minute";r={allowance.remaining};t={allowance.seconds}'
            await send(message)

        await self.app(scope, receive, headed)
