"""The Open Inference Protocol, version 2, over REST: what KServe, Triton and MLServer speak."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict

from ai_models._version import __version__
from ai_models.core.errors import ImageError
from ai_models.serving.admission.guard import charge, guarded
from ai_models.serving.admission.keys import Scope
from ai_models.serving.judging import judged_each
from ai_models.serving.predictor import Predictor
from ai_models.serving.problems import Problem
from ai_models.serving.routes.answering import ERRORS, GIVEN, Answers, Loaded, is_ready
from ai_models.serving.schemas import PredictResponse, ProblemDetails
from ai_models.serving.settings import ServiceSettings
from ai_models.serving.tensors import (
    INPUTS,
    InferRequest,
    InferResponse,
    TensorMetadata,
    images_of,
    output_shapes,
    outputs_of,
)

__all__ = ["health_router", "router"]

health_router = APIRouter(prefix="/v2")
router = APIRouter(prefix="/v2", route_class=guarded(Scope.PREDICT))

_NO_SUCH_MODEL: Answers = {404: {"description": "There is no such model or version.", "model": ProblemDetails}}
Name = Annotated[str, Path(description="The model's name, as `AMULET_AI_MODEL_NAME` has it.")]
Version = Annotated[str, Path(description="The model's version, as `/health` names it.")]


class ServerMetadata(BaseModel):
    """What the server is."""

    name: str
    version: str
    extensions: list[str]


class Live(BaseModel):
    """Whether the server answers."""

    live: bool


class ServerReady(BaseModel):
    """Whether the server would infer now."""

    live: bool
    ready: bool


class ModelReady(BaseModel):
    """Whether the model would infer now."""

    name: str
    ready: bool


class ModelMetadata(BaseModel):
    """What the model takes and gives."""

    model_config = ConfigDict(protected_namespaces=())

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


@health_router.get("", response_description=GIVEN, summary="What the server is (Open Inference Protocol)")
async def server_metadata() -> ServerMetadata:
    """Name the server, its version and the extensions of the protocol that it knows: none."""
    return ServerMetadata(name="amulet-ai", version=__version__, extensions=[])


@health_router.get("/health/live", response_description=GIVEN, summary="Whether the process answers (protocol)")
async def live() -> Live:
    """Answer as `/livez` does."""
    return Live(live=True)


@health_router.get(
    "/health/ready",
    responses={503: {"description": "Not now.", "model": ServerReady}},
    response_description=GIVEN,
    summary="Whether images would be judged now (protocol)",
)
async def ready(request: Request, response: Response) -> ServerReady:
    """Answer as `/readyz` does."""
    now = is_ready(request)
    response.status_code = 200 if now else 503
    return ServerReady(live=True, ready=now)


_ready_answers: Answers = {503: {"description": "Not now.", "model": ModelReady}, **_NO_SUCH_MODEL}


@health_router.get(
    "/models/{name}/ready", responses=_ready_answers, response_description=GIVEN, summary="Whether the model is ready"
)
async def model_ready(request: Request, response: Response, name: Name) -> ModelReady:
    """Answer as `/readyz` does, where it is this model."""
    _require(request, name)
    now = is_ready(request)
    response.status_code = 200 if now else 503
    return ModelReady(name=name, ready=now)


@health_router.get(
    "/models/{name}/versions/{version}/ready",
    responses=_ready_answers,
    response_description=GIVEN,
    summary="Whether this version of the model is ready",
)
async def version_ready(request: Request, response: Response, name: Name, version: Version) -> ModelReady:
    """Answer as `/readyz` does, where it is this version."""
    if is_ready(request):
        _require(request, name, version)
    return await model_ready(request, response, name)


@router.get(
    "/models/{name}",
    responses={**ERRORS, **_NO_SUCH_MODEL},
    response_description=GIVEN,
    summary="What the model takes and gives",
)
async def model_metadata(request: Request, predictor: Loaded, name: Name) -> ModelMetadata:
    """Name the tensors: of `image` and `pixels`, one is given."""
    _require(request, name)
    return ModelMetadata(
        name=name,
        versions=[predictor.version],
        platform="amulet_ai_hybrid",
        inputs=list(INPUTS),
        outputs=list(output_shapes(len(predictor.classes))),
    )


@router.get(
    "/models/{name}/versions/{version}",
    responses={**ERRORS, **_NO_SUCH_MODEL},
    response_description=GIVEN,
    summary="What this version of the model takes and gives",
)
async def version_metadata(request: Request, predictor: Loaded, name: Name, version: Version) -> ModelMetadata:
    """Name the tensors: of `image` and `pixels`, one is given."""
    _require(request, name, version)
    return await model_metadata(request, predictor, name)


@router.post(
    "/models/{name}/infer",
    responses={**ERRORS, **_NO_SUCH_MODEL},
    response_description=GIVEN,
    response_model_exclude_none=True,
    summary="Judge images sent as tensors",
)
async def infer(request: Request, predictor: Loaded, name: Name, body: InferRequest) -> InferResponse:
    """Judge a batch: image files (`image`, BYTES in base64) or RGB pixels (`pixels`, UINT8 (images, height, width, 3)).

    A batch with an image that cannot be read is refused as a whole, since a tensor has no place for an error.
    """
    _require(request, name)
    settings: ServiceSettings = request.app.state.settings
    wanted = None if body.outputs is None else [one.name for one in body.outputs]
    _require_outputs(wanted, predictor)
    images = images_of(body.inputs[0], settings.max_batch)
    charge(request, len(images) - 1)
    threshold = body.parameters.confidence_threshold if body.parameters else 0.5
    found = await judged_each(request, predictor, images, threshold=threshold)
    answers = [_required(one, row) for row, one in enumerate(found)]
    return InferResponse(
        model_name=name,
        model_version=predictor.version,
        id=body.id,
        outputs=outputs_of(answers, predictor.classes, wanted),
    )


@router.post(
    "/models/{name}/versions/{version}/infer",
    responses={**ERRORS, **_NO_SUCH_MODEL},
    response_description=GIVEN,
    response_model_exclude_none=True,
    summary="Judge images with this version of the model",
)
async def version_infer(
    request: Request, predictor: Loaded, name: Name, version: Version, body: InferRequest
) -> InferResponse:
    """Do the same, where this is the version in use."""
    _require(request, name, version)
    return await infer(request, predictor, name, body)


def _require(request: Request, name: str, version: str | None = None) -> None:
    settings: ServiceSettings = request.app.state.settings
    if name != settings.model_name:
        raise Problem(404, "no-such-model", f"the only model is '{settings.model_name}': ask for that")
    predictor: Predictor | None = request.app.state.predictor
    if version is not None and predictor is not None and version != predictor.version:
        raise Problem(404, "no-such-version", f"the version in use is '{predictor.version}': ask for that, or for none")


def _require_outputs(wanted: list[str] | None, predictor: Predictor) -> None:
    known = [one.name for one in output_shapes(len(predictor.classes))]
    unknown = [name for name in wanted or () if name not in known]
    if unknown:
        raise Problem(422, "unusable-fields", f"outputs must be among {', '.join(known)}, got '{unknown[0][:64]}'")


def _required(found: PredictResponse | ImageError | Problem, row: int) -> PredictResponse:
    if isinstance(found, ImageError):
        raise ImageError(found.verdict, f"image {row}: {found.detail}")
    if isinstance(found, Problem):
        raise found
    return found
