"""What may be asked of the service, a file for each kind of question."""

from fastapi import APIRouter

from ai_models.serving.routes import batch, explaining, health, inference_protocol, page, predicting

__all__ = ["ROUTERS"]

ROUTERS: tuple[APIRouter, ...] = (
    predicting.router,
    batch.router,
    explaining.router,
    health.router,
    health.metrics_router,
    inference_protocol.health_router,
    inference_protocol.router,
    page.router,
)
"""In the order of the documentation."""
