"""``POST /explain``: why the model says what it says of an image."""

from __future__ import annotations

import base64

from fastapi import APIRouter, Request, UploadFile

from ai_models.serving.admission.guard import guarded
from ai_models.serving.admission.keys import Scope
from ai_models.serving.judging import explained
from ai_models.serving.routes.answering import ERRORS, GIVEN, Answers, Loaded
from ai_models.serving.schemas import Explained, ProblemDetails

__all__ = ["router"]

router = APIRouter(route_class=guarded(Scope.EXPLAIN))

_UNEXPLAINED: Answers = {501: {"description": "The model cannot be explained here.", "model": ProblemDetails}}


@router.post(
    "/explain",
    responses={**ERRORS, **_UNEXPLAINED},
    response_description=GIVEN,
    summary="Say where an image speaks for its class, and what it looks like",
)
async def explain(request: Request, predictor: Loaded, file: UploadFile) -> Explained:
    """Draw a heat map (Grad-CAM) over the image and name the training objects that look most like it.

    The first call after a start takes seconds, for a head that can be differentiated is fitted then. Explaining takes
    several times as long as judging.
    """
    data = await file.read()
    found = await explained(request, predictor, lambda: data)
    encoded = base64.b64encode(found.overlay).decode("ascii")
    return Explained(
        model_version=found.version,
        picture=f"data:image/png;base64,{encoded}" if encoded else "",
        **found.content,
    )
