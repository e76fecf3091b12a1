"""``POST /predict/batch``: several images in one request, each with an answer or a problem of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from ai_models.serving.admission.guard import charge, guarded
from ai_models.serving.admission.keys import Scope
from ai_models.serving.judging import judged_each
from ai_models.serving.predictor import Predictor, from_base64
from ai_models.serving.problems import Problem, problem_content
from ai_models.serving.routes.answering import ERRORS, GIVEN, Loaded
from ai_models.serving.schemas import BatchForm, BatchRequest, BatchResponse, PredictResponse, ProblemDetails
from ai_models.serving.settings import ServiceSettings

__all__ = ["router"]

Asked = TypeVar("Asked", BatchForm, BatchRequest)
router = APIRouter(route_class=guarded(Scope.PREDICT, several=True))

_TAKES = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/BatchRequest"}},
            "multipart/form-data": {"schema": {"$ref": "#/components/schemas/BatchForm"}},
        },
    }
}


@router.post(
    "/predict/batch", responses=ERRORS, response_description=GIVEN, summary="Judge several images", openapi_extra=_TAKES
)
async def predict_batch(request: Request, predictor: Loaded) -> BatchResponse:
    """Judge images sent as base64 in a JSON list, or as files of a form; one that cannot be read spoils no other."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with request.form() as form:
            return await _answered(request, predictor, *await _from_form(form))
    if kind != "application/json":
        raise Problem(415, "unsupported-type", "the body must be application/json or multipart/form-data")
    return await _answered(request, predictor, *_from_json(await _json(request)))


async def _json(request: Request) -> Any:
    try:
        return await request.json()
    except (ValueError, RecursionError):
        raise Problem(400, "not-json", "the body must be JSON, but cannot be parsed as such") from None


def _from_json(content: Any) -> tuple[list[Callable[[], bytes]], BatchRequest]:
    asked = _validated(BatchRequest, content)
    return [partial(from_base64, text, "images") for text in asked.images], asked


async def _from_form(form: FormData) -> tuple[list[Callable[[], bytes]], BatchForm]:
    files = [await file.read() for file in form.getlist("files") if isinstance(file, UploadFile)]
    others = {name: value for name, value in form.items() if name != "files"}
    asked = _validated(BatchForm, {"files": files, **others})
    return [partial(bytes, data) for data in files], asked


def _validated(model: type[Asked], content: Any) -> Asked:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise RequestValidationError(list(error.errors(include_url=False, include_input=False))) from None


async def _answered(
    request: Request, predictor: Predictor, images: list[Callable[[], bytes]], asked: BatchForm | BatchRequest
) -> BatchResponse:
    settings: ServiceSettings = request.app.state.settings
    if len(images) > settings.max_batch:
        detail = f"a request must hold at most {settings.max_batch} images, got {len(images)}: send them in parts"
        raise Problem(413, "too-many-images", detail)
    charge(request, len(images) - 1)  # the first was counted when the request was let in
    found = await judged_each(
        request, predictor, images,
        threshold=asked.confidence_threshold, with_probabilities=asked.return_probabilities,
    )  # fmt: skip
    results = [
        one if isinstance(one, PredictResponse) else ProblemDetails.model_validate(problem_content(one))
        for one in found
    ]
    return BatchResponse(results=results, judged=sum(isinstance(one, PredictResponse) for one in found))
