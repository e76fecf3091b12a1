"""``POST /predict`` and its kin: images in, verdicts out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile

from ai_models.serving.admission.guard import guarded
from ai_models.serving.admission.keys import Scope
from ai_models.serving.judging import judged
from ai_models.serving.predictor import from_base64
from ai_models.serving.routes.answering import ERRORS, GIVEN, Loaded
from ai_models.serving.schemas import PredictRequest, PredictResponse, Threshold

__all__ = ["router"]

router = APIRouter(route_class=guarded(Scope.PREDICT))


@router.post("/predict", responses=ERRORS, response_description=GIVEN, summary="Judge an image sent as base64")
async def predict(request: Request, body: PredictRequest, predictor: Loaded) -> PredictResponse:
    """Say what an image shows, how sure that is, or that it is not known."""
    return await judged(
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
    return await judged(
        request, predictor, lambda: data, threshold=confidence_threshold, with_probabilities=return_probabilities
    )
