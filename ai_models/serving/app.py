"""The application: its routes, errors and counters put together, and the model that is loaded when it starts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ai_models._version import __version__
from ai_models.core.errors import AmuletError
from ai_models.serving.admission.door import Door
from ai_models.serving.audit import AuditTrail
from ai_models.serving.broken import BrokenProtocol
from ai_models.serving.counters import Counters, RequestLog
from ai_models.serving.description import described
from ai_models.serving.gauges import Gauges
from ai_models.serving.headers import CROSS_ORIGIN, Headers
from ai_models.serving.lifecycle import Lifecycle
from ai_models.serving.limits import BodyLimit
from ai_models.serving.problems import install_handlers
from ai_models.serving.request_ids import RequestIds
from ai_models.serving.routes import ROUTERS
from ai_models.serving.settings import ServiceSettings

__all__ = ["create_app"]


def create_app(settings: ServiceSettings | None = None) -> FastAPI:
    """Make the application; the model is loaded when it starts, not here.

    Parameters
    ----------
    settings
        From the environment when None.
    """
    app = _Application(
        title="Amulet-AI",
        version=__version__,
        description="Says what a photograph shows, how sure that is, and when it is not known.",
        docs_url=None,  # the usual page takes its script from another server, and asks for one
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.settings = settings or ServiceSettings.from_environment()
    app.state.lifecycle = lifecycle = Lifecycle(app.state.settings)
    app.state.counters = Counters(lambda: lifecycle.pids)
    app.state.counters.registry.register(Gauges(lifecycle))
    lifecycle.on_loaded = app.state.counters.loaded
    app.state.predictor = None
    app.state.door = app.state.audit = None
    install_handlers(app)
    app.add_middleware(BodyLimit, settings=app.state.settings, bodies=lifecycle.bodies, refusal=lifecycle.refusal)
    if origins := app.state.settings.origins():
        app.add_middleware(CORSMiddleware, allow_origins=origins, **CROSS_ORIGIN)
    app.add_middleware(_StartupSentence, failure=lambda: lifecycle.failure)
    for router in ROUTERS:
        app.include_router(router)
    return app


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the description as `described` completes it."""
        if self.openapi_schema is None:
            self.openapi_schema = described(super().openapi(), asks_for_keys=self.state.settings.asks_for_keys)
        return self.openapi_schema

    def build_middleware_stack(self) -> ASGIApp:
        """Wrap what answers a fault of the service, too."""
        counted = RequestLog(super().build_middleware_stack(), counters=self.state.counters)
        return RequestIds(BrokenProtocol(Headers(counted, self.state.settings.hsts_seconds)))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings, lifecycle = app.state.settings, app.state.lifecycle
    try:
        app.state.door, app.state.audit = Door(settings), AuditTrail(settings.audit_file)
    except Exception as error:
        lifecycle.failure = error
        raise
    async with lifecycle.running():
        app.state.predictor = lifecycle.predictor
        try:
            yield
        finally:
            app.state.predictor = None


class _StartupSentence:
    """ASGI middleware: a model that cannot be loaded is told in a sentence, where a server would print a traceback."""

    def __init__(self, app: ASGIApp, failure: Callable[[], Exception | None]) -> None:
        self.app = app
        self.failure = failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            failure = self.failure()
            if message["type"] == "lifespan.startup.failed" and isinstance(failure, AmuletError):
                message = {**message, "message": str(failure)}
            await send(message)

        await self.app(scope, receive, told if scope["type"] == "lifespan" else send)
