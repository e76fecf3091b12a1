"""The application: routes, errors, counters, and the model that is loaded when the service starts."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Form, Request, Response, UploadFile
from fastapi.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ai_models._version import __version__
from ai_models.core.errors import AmuletError, ImageError
from ai_models.serving.counters import Counters, RequestLog
from ai_models.serving.docs import docs_page
from ai_models.serving.limits import BodyLimit
from ai_models.serving.predictor import Predictor, from_base64, respond
from ai_models.serving.problems import MEDIA_TYPE, Problem, install_handlers
from ai_models.serving.schemas import Health, PredictRequest, PredictResponse, ProblemDetails, Threshold
from ai_models.serving.settings import ServiceSettings

__all__ = ["create_app"]

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "model": ProblemDetails}
    for status, text in {
        400: "The body cannot be parsed.",
        413: "The image has too many bytes or pixels.",
        422: "A field cannot be used, or the image cannot be read.",
        503: "No model is loaded.",
    }.items()
}
_GIVEN = "The answer."
_routes = APIRouter()


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
    app.state.counters = Counters()
    app.state.predictor = None
    app.state.failure = None
    install_handlers(app)
    app.add_middleware(BodyLimit, settings=app.state.settings)
    app.add_middleware(RequestLog, counters=app.state.counters)
    app.add_middleware(_StartupSentence, failure=lambda: app.state.failure)
    app.include_router(_routes)
    return app


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the description, with errors under the media type that they are sent as."""
        description = super().openapi()
        for methods in description["paths"].values():
            for operation in methods.values():
                for status, answer in operation["responses"].items():
                    if int(status) >= 400 and "application/json" in answer.get("content", {}):
                        answer["content"] = {MEDIA_TYPE: answer["content"].pop("application/json")}
        return description


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = app.state.settings
    try:
        predictor = Predictor.load(settings.model_directory(), settings)
    except Exception as error:
        app.state.failure = error
        raise
    app.state.counters.loaded(predictor.version)
    app.state.predictor = predictor
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


async def _loaded(request: Request) -> Predictor:
    predictor = request.app.state.predictor
    if not isinstance(predictor, Predictor):
        raise Problem(503, "no-model", "no model is loaded: start the application before sending it images")
    return predictor


Loaded = Annotated[Predictor, Depends(_loaded)]


@_routes.post("/predict", responses=_ERRORS, response_description=_GIVEN, summary="Judge an image sent as base64")
async def predict(request: Request, body: PredictRequest, predictor: Loaded) -> PredictResponse:
    """Say what an image shows, how sure that is, or that it is not known."""
    return await _judged(
        request,
        predictor,
        lambda: from_base64(body.image_data),
        threshold=body.confidence_threshold,
        with_probabilities=body.return_probabilities,
    )


@_routes.post("/predict/file", responses=_ERRORS, response_description=_GIVEN, summary="Judge an image file")
async def predict_file(
    request: Request,
    predictor: Loaded,
    file: UploadFile,
    confidence_threshold: Annotated[Threshold, Form()] = 0.5,
    return_probabilities: Annotated[bool, Form(description="Whether `probabilities` lists every class.")] = True,
) -> PredictResponse:
    """Do the same for a file sent as multipart/form-data: JPEG, PNG, WebP, BMP, TIFF or GIF."""
    data = await file.read()
    return await _judged(
        request, predictor, lambda: data, threshold=confidence_threshold, with_probabilities=return_probabilities
    )


@_routes.get(
    "/health",
    responses={503: {"description": "No model is loaded."}},
    response_description=_GIVEN,
    summary="How the service is",
)
async def health(request: Request, response: Response) -> Health:
    """Answer 200 when the model is loaded, 503 otherwise."""
    counters: Counters = request.app.state.counters
    predictor: Predictor | None = request.app.state.predictor
    if predictor is None:
        response.status_code = 503
    return Health(
        status="ok" if predictor else "unavailable",
        model_loaded=predictor is not None,
        version=__version__,
        model_version=predictor.version if predictor else "",
        uptime_seconds=round(counters.uptime_seconds, 3),
        memory_usage_mb=round(counters.memory_mb, 1),
        cpu_usage_percent=counters.cpu_percent(),
        predictions_count=counters.predictions,
        average_response_time_ms=round(counters.average_ms, 3),
    )


@_routes.get("/metrics", response_class=Response, response_description=_GIVEN, summary="Counters for Prometheus")
async def metrics(request: Request) -> Response:
    """Give every counter in Prometheus' text format."""
    content, media_type = request.app.state.counters.exposition()
    return Response(content, media_type=media_type)


@_routes.get("/docs", include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """Give the documentation: one page that needs no other server."""
    predictor: Predictor | None = request.app.state.predictor
    page = docs_page(request.app.openapi(), request.app.state.settings, predictor.classes if predictor else ())
    return HTMLResponse(page.text, headers={"Content-Security-Policy": page.policy})


async def _judged(
    request: Request,
    predictor: Predictor,
    image: Callable[[], bytes],
    *,
    threshold: float,
    with_probabilities: bool,
) -> PredictResponse:
    counters: Counters = request.app.state.counters
    started = time.perf_counter()
    try:
        prediction = await predictor.predict(image)
    except ImageError:
        counters.unreadable()
        raise
    answer = respond(
        prediction,
        threshold=threshold,
        with_probabilities=with_probabilities,
        version=predictor.version,
        started=started,
    )
    counters.predicted(answer.verdict, time.perf_counter() - started)
    return answer
