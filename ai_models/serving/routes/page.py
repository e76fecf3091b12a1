"""Pages for people: ``/`` and ``/docs``."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from ai_models.serving.docs import docs_page
from ai_models.serving.page import main_page
from ai_models.serving.predictor import Predictor
from ai_models.serving.settings import ServiceSettings

__all__ = ["router"]

router = APIRouter()


@router.get("/", include_in_schema=False)
async def main(request: Request) -> HTMLResponse:
    """Give the page on which a photograph is dropped."""
    settings: ServiceSettings = request.app.state.settings
    page = main_page(settings, asks_for_keys=settings.asks_for_keys)
    return HTMLResponse(page.text, headers={"Content-Security-Policy": page.policy})


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """Give the documentation: one page that needs no other server."""
    predictor: Predictor | None = request.app.state.predictor
    page = docs_page(request.app.openapi(), request.app.state.settings, predictor.classes if predictor else ())
    return HTMLResponse(page.text, headers={"Content-Security-Policy": page.policy})
