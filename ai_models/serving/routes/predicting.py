"""``POST /predict`` and its kin: an image in, a verdict out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile

from ai_models.core.errors import ImageError
from ai_models.serving.counters import Counters
from ai_models.serving.predictor import Predictor, from_base64, respond
from ai_models.serving.routes.common import ERRORS, GIVEN, Loaded
from ai_models.serving.schemas import PredictRequest, PredictResponse, Threshold

__all__ = ["router"]

router = APIRouter()


@router.post("/predict", responses=ERRORS, response_description=GIVEN, summary="Judge an image sent as base64")
async def predict(request: Request, body: PredictRequest, predictor: Loaded) -> PredictResponse:
    """Say what an image shows, how sure that is, or that it is not known."""
    return await _judged(
        request,
        predictor,
        lambda: from_base64(body.image_data),
        threshold=body.confidence_threshold,
        with_probabilities=body.return_probabilities,
    )


@router.post("/predict/file", responses=ERRORS, response_description=GIVEN, summary="Judge an image file")
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
