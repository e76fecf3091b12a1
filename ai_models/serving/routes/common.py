"""What every route shares: the model it asks, and the errors that its description names."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request

from ai_models.serving.predictor import Predictor
from ai_models.serving.problems import Problem
from ai_models.serving.schemas import ProblemDetails

__all__ = ["ERRORS", "GIVEN", "Loaded"]

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "model": ProblemDetails}
    for status, text in {
        400: "The body cannot be parsed.",
        413: "The image has too many bytes or pixels.",
        422: "A field cannot be used, or the image cannot be read.",
        503: "No model is loaded.",
    }.items()
}
GIVEN = "The answer."


async def _loaded(request: Request) -> Predictor:
    predictor = request.app.state.predictor
    if predictor is None:
        raise Problem(503, "no-model", "no model is loaded: start the application before sending it images")
    return predictor  # type: ignore[no-any-return]


Loaded = Annotated[Predictor, Depends(_loaded)]
"""The model in use; a problem where there is none."""
