"""What routes share: the model they ask, and the errors that their descriptions name."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request

from ai_models.serving.lifecycle import Lifecycle
from ai_models.serving.predictor import Predictor
from ai_models.serving.problems import Problem
from ai_models.serving.schemas import ProblemDetails

__all__ = ["ERRORS", "GIVEN", "REFUSED", "Answers", "Loaded", "is_ready"]

Answers = dict[int | str, dict[str, Any]]


def _described(texts: dict[int, str]) -> Answers:
    return {status: {"description": text, "model": ProblemDetails} for status, text in texts.items()}


REFUSED: Answers = _described(
    {
        401: "A key is needed, or the one sent is not known.",
        403: "The key may not be used for this.",
        429: "More images in a minute than allowed; `Retry-After` says when to try again.",
        503: "The keys or the counts cannot be read.",
    }
)
ERRORS: Answers = {
    **_described({400: "The body cannot be parsed."}),
    **REFUSED,
    **_described(
        {
            408: "The body came too slowly.",
            413: "The image has too many bytes or pixels, or there are too many images.",
            415: "The body is of a type that is not understood.",
            422: "A field cannot be used, or the image cannot be read.",
            503: "No model is loaded, or the service has as much to do as it takes on, is stopping, or lost the "
            "process that judged the image; `Retry-After` says when to try again.",
            504: "The image took longer than the service allows.",
        }
    ),
}
GIVEN = "The answer."


async def _loaded(request: Request) -> Predictor:
    predictor: Predictor | None = request.app.state.predictor
    if predictor is None:
        raise Problem(503, "no-model", "no model is loaded: start the application before sending it images")
    return predictor


def is_ready(request: Request) -> bool:
    """Return whether images would be judged now."""
    lifecycle: Lifecycle = request.app.state.lifecycle
    return request.app.state.predictor is not None and not lifecycle.not_ready_because


Loaded = Annotated[Predictor, Depends(_loaded)]
"""The model in use; a problem where there is none."""
