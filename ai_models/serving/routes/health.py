"""How the service is: for people and load balancers, for Kubernetes, for Prometheus."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Request, Response

from ai_models._version import __version__
from ai_models.serving.admission.guard import guarded
from ai_models.serving.admission.keys import Scope
from ai_models.serving.counters import Counters
from ai_models.serving.lifecycle import Lifecycle
from ai_models.serving.predictor import Predictor
from ai_models.serving.routes.answering import GIVEN, REFUSED, is_ready
from ai_models.serving.schemas import Alive, Health, Ready

__all__ = ["metrics_router", "router"]

router = APIRouter()
metrics_router = APIRouter(route_class=guarded(Scope.METRICS))


@router.get(
    "/health",
    responses={503: {"description": "No model is loaded.", "model": Health}},
    response_description=GIVEN,
    summary="How the service is",
)
async def health(request: Request, response: Response) -> Health:
    """Answer 200 when the model is loaded, 503 otherwise."""
    counters: Counters = request.app.state.counters
    predictor: Predictor | None = request.app.state.predictor
    lifecycle: Lifecycle = request.app.state.lifecycle
    if predictor is None:
        response.status_code = 503
    # to add up the memory of several processes takes the system a while
    memory_mb = await to_thread.run_sync(lambda: counters.memory_mb)
    return Health(
        status="ok" if predictor else "unavailable",
        model_loaded=predictor is not None,
        version=__version__,
        model_version=predictor.version if predictor else "",
        uptime_seconds=round(counters.uptime_seconds, 3),
        model_standing=lifecycle.standing,
        workers=lifecycle.workers,
        reload_failure=lifecycle.trouble,
        memory_usage_mb=round(memory_mb, 1),
        cpu_usage_percent=counters.cpu_percent(),
        predictions_count=counters.predictions,
        average_response_time_ms=round(counters.average_ms, 3),
    )


@router.get("/livez", response_description=GIVEN, summary="Whether the process answers")
async def livez() -> Alive:
    """Answer 200 as long as the process answers at all: one that does not is to be started anew."""
    return Alive()


@router.get(
    "/readyz",
    responses={503: {"description": "Not now.", "model": Ready}},
    response_description=GIVEN,
    summary="Whether images would be judged now",
)
async def readyz(request: Request, response: Response) -> Ready:
    """Answer 200 when a model is loaded and the service is not about to end, 503 otherwise: send it no images then."""
    ready = is_ready(request)
    if not ready:
        response.status_code = 503
    return Ready(status="ready" if ready else "not ready")


@metrics_router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **REFUSED},
    response_description=GIVEN,
    summary="Counters for Prometheus",
)
async def metrics(request: Request) -> Response:
    """Give every counter in Prometheus' text format."""
    content, media_type = await to_thread.run_sync(request.app.state.counters.exposition)
    return Response(content, media_type=media_type)
