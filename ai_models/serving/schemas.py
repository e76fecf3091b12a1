"""What the service takes and gives, as the documentation at ``/docs`` shows it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "DISCLAIMER", "Alive", "BatchForm", "BatchRequest", "BatchResponse", "Explained", "Health", "PredictRequest",
    "PredictResponse", "ProblemDetails", "Ready", "Threshold",
]  # fmt: skip

DISCLAIMER = "ผลประเมินเป็นเบื้องต้น ควรให้ผู้เชี่ยวชาญยืนยัน / This is a preliminary result that an expert should confirm."
"""Stands in every answer."""

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Threshold = Annotated[
    float,
    Field(
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Below this confidence the verdict is at least `unsure`, in [0, 1].",
    ),
]


class PredictRequest(BaseModel):
    """One image as text."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"image_data": "iVBORw0KGgo...", "confidence_threshold": 0.5}]},
    )

    image_data: str = Field(
        min_length=1, description="The image file in base64 (RFC 4648, no line breaks); a `data:` prefix is understood."
    )
    confidence_threshold: Threshold = 0.5
    return_probabilities: bool = Field(True, description="Whether `probabilities` lists every class.")


class PredictResponse(BaseModel):
    """What is known of one image. A number that is not finite is a fault of the model and never an answer."""

    model_config = ConfigDict(protected_namespaces=())

    success: Literal[True] = True
    predicted_class: str = Field(description="The likeliest class.")
    confidence: Share = Field(description="Its calibrated probability.")
    probabilities: dict[str, Share] | None = Field(description="Calibrated probability of every class; they sum to 1.")
    processing_time_ms: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        description="From the last byte received to the answer."
    )
    model_version: str = Field(description="First digits of the model's digest, as in bundle.json.")
    verdict: Literal["in_domain", "unsure", "ood"] = Field(description="What to make of the prediction.")
    ood_p_value: Share = Field(description="Share of known objects that look at least as unusual.")
    prediction_set: list[str] = Field(description="The classes that remain possible at the model's coverage.")
    prediction_set_by_class: list[str] = Field(
        description="The same where the coverage is to hold within each class, not over all photographs."
    )
    reason: Literal["none", "quality", "far", "near_class", "ambiguous"] = Field(
        description="Why the verdict is what it is: the photograph is worse than those trained on; far from all known "
        "objects; near known ones, yet unusual; not clearly of one class."
    )
    detail: str = Field(description="The reason in a clause, with its figures; empty where the verdict is `in_domain`.")
    disclaimer: str = DISCLAIMER


class BatchRequest(BaseModel):
    """Several images as text."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"images": ["iVBORw0KGgo...", "/9j/4AAQSkZJRg..."]}]},
    )

    images: list[Annotated[str, Field(min_length=1)]] = Field(
        min_length=1, description="Image files in base64, as `image_data` of `/predict`."
    )
    confidence_threshold: Threshold = 0.5
    return_probabilities: bool = Field(True, description="Whether `probabilities` lists every class.")


class BatchForm(BaseModel):
    """Several image files."""

    model_config = ConfigDict(extra="forbid")

    files: list[Annotated[bytes, Field(json_schema_extra={"format": "binary"})]] = Field(
        min_length=1, description="Image files: one field `files` for each."
    )
    confidence_threshold: Threshold = 0.5
    return_probabilities: bool = Field(True, description="Whether `probabilities` lists every class.")


class BatchResponse(BaseModel):
    """What is known of several images."""

    success: Literal[True] = True
    results: list[PredictResponse | ProblemDetails] = Field(
        description="For each image, in the order sent, what `/predict` would have answered: `success` says whether it "
        "is an answer or a problem."
    )
    judged: int = Field(description="How many of them are answers.")
    disclaimer: str = DISCLAIMER


class HeatMapTrust(BaseModel):
    """How far the heat map can be believed: it explains a simpler head in place of the vote."""

    trusted: bool = Field(description="Whether that head agrees with the model often enough to be believed at all.")
    agreement: Share = Field(description="Share of training photographs on which both name the same class.")
    agreement_low: Share = Field(description="Lower end of its 95 % interval over objects.")
    agreement_high: Share = Field(description="Upper end.")
    photographs: int
    objects: int = Field(description="How many objects stand behind the agreement.")


class NearExample(BaseModel):
    """A training photograph that looks like the image; one of each object."""

    label: str
    distance: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        description="1 - cosine of what the network sees, in [0, 2]; 0 is the same."
    )
    picture: str = Field(
        description="A small picture of it, WebP as `data:` address; empty where the model keeps none."
    )


class Explained(BaseModel):
    """Why the model says what it says of an image."""

    model_config = ConfigDict(protected_namespaces=())

    success: Literal[True] = True
    model_version: str
    predicted_class: str
    against: str = Field(description="The runner-up, against which everything is told.")
    picture: str = Field(
        description="The heat map over the photograph, a PNG as `data:` address: orange speaks for the class, blue for "
        "the runner-up. Empty where there is none."
    )
    heat_map: HeatMapTrust | None
    no_map: str = Field(description="Why there is no heat map, as a sentence; empty where there is one.")
    nearest: list[NearExample] = Field(description="The training objects that look most like it, nearest first.")
    farther: Share = Field(
        description="Share of the training objects that lie farther from every other object than the image from its "
        "nearest: near 0, it is like nothing that was trained on."
    )
    objects: int = Field(description="How many objects that share is of.")
    disclaimer: str = DISCLAIMER


class Alive(BaseModel):
    """Whether the process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """Whether images would be judged now."""

    status: Literal["ready", "not ready"]


class Health(BaseModel):
    """How the service is."""

    model_config = ConfigDict(protected_namespaces=())

    status: Literal["ok", "unavailable"]
    model_loaded: bool
    version: str = Field(description="Version of amulet-ai.")
    model_version: str = Field(description="Version of the model; empty where none is loaded.")
    uptime_seconds: float
    model_standing: str = Field(
        description="Why it was opened: `signed` by a key that is trusted here, `local` (trained or said to be trusted "
        "by this user), or `unsigned`, which was allowed; empty where none is loaded."
    )
    workers: int = Field(description="Processes that are there to judge images.")
    reload_failure: str = Field(description="Why the last change of the model failed; empty where it did not.")
    memory_usage_mb: float = Field(description="Memory of the service and its workers, what they share counted once.")
    cpu_usage_percent: float = Field(description="Of the service and its workers, of one core, since the call before.")
    predictions_count: int
    average_response_time_ms: float = Field(description="Mean over the predictions; 0 before the first.")


class FieldFault(BaseModel):
    """One field that cannot be used."""

    field: str
    message: str


class ProblemDetails(BaseModel):
    """An error (RFC 9457, `application/problem+json`)."""

    type: str = Field(description="Names the kind of problem; `about:blank` where the status says all.")
    title: str
    status: int
    detail: str = Field(description="One sentence: what, expected, got, what to do.")
    success: Literal[False] = False
    error_message: str = Field(description="The same as `detail`.")
    verdict: Literal["unreadable"] | None = Field(None, description="Where the image could not be read.")
    image_verdict: str | None = Field(None, description="Why: empty, unsupported, truncated, corrupt or bomb.")
    errors: list[FieldFault] | None = Field(None, description="Where fields of the request cannot be used.")
    error: str | None = Field(None, description="The same as `detail`, for clients of the Open Inference Protocol.")
    request_id: str | None = Field(None, description="The request's name, as in its header `X-Request-ID` and the log.")
