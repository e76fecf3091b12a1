"""What may be asked of the service, a file for each kind of question."""

from fastapi import APIRouter

from ai_models.serving.routes import health, page, predicting

__all__ = ["ROUTERS"]

ROUTERS: tuple[APIRouter, ...] = (predicting.router, health.router, page.router)
"""In the order of the documentation."""
