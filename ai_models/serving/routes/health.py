"""``/health`` and ``/metrics``: how the service is."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ai_models._version import __version__
from ai_models.serving.counters import Counters
from ai_models.serving.predictor import Predictor
from ai_models.serving.routes.common import GIVEN
from ai_models.serving.schemas import Health

__all__ = ["router"]

router = APIRouter()


@router.get(
    "/health",
    responses={503: {"description": "No model is loaded."}},
    response_description=GIVEN,
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


@router.get("/metrics", response_class=Response, response_description=GIVEN, summary="Counters for Prometheus")
async def metrics(request: Request) -> Response:
    """Give every counter in Prometheus' text format."""
    content, media_type = request.app.state.counters.exposition()
    return Response(content, media_type=media_type)
