"""The Open Inference Protocol's tensors: images out of a request's inputs, and answers into outputs.

Protocol: https://github.com/kserve/open-inference-protocol, REST. JSON has no bytes, so files travel in base64, as
other servers of this protocol take them. The binary extension is not offered.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from ai_models.serving.predictor import from_base64
from ai_models.serving.problems import Problem
from ai_models.serving.schemas import PredictResponse, Threshold

__all__ = ["INPUTS", "InferRequest", "InferResponse", "TensorMetadata", "images_of", "output_shapes", "outputs_of"]

_Kind = Literal["BYTES", "UINT8", "FP64", "BOOL"]


class TensorMetadata(BaseModel):
    """What a tensor is called, of what it is made, and its shape; -1 is any length."""

    name: str
    datatype: _Kind
    shape: list[int]


INPUTS = (
    TensorMetadata(name="image", datatype="BYTES", shape=[-1]),
    TensorMetadata(name="pixels", datatype="UINT8", shape=[-1, -1, -1, 3]),
)
"""One of them is given: image files, or RGB pixels (images, height, width, 3)."""


class InferInput(BaseModel):
    """A tensor of image files in base64 (BYTES) or of RGB pixels (UINT8)."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Literal["image", "pixels"]
    shape: list[Annotated[int, Field(ge=1, le=2**31)]] = Field(min_length=1, max_length=4)
    datatype: Literal["BYTES", "UINT8"]
    parameters: dict[str, Any] | None = Field(None, description="Not used: `content_type` may say `base64`.")
    data: list[Any] = Field(description="Flat or nested: base64 text for BYTES, whole numbers 0 to 255 for UINT8.")


class InferParameters(BaseModel):
    """Settings of this request."""

    model_config = ConfigDict(extra="allow", strict=True)

    confidence_threshold: Threshold = 0.5


class InferOutput(BaseModel):
    """An output that is wanted."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(max_length=64)
    parameters: dict[str, Any] | None = None


class InferRequest(BaseModel):
    """An inference request of the protocol."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [{"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["iVBORw0KGgo..."]}]}]
        },
    )

    id: str | None = Field(None, max_length=256, description="Is returned.")
    parameters: InferParameters | None = None
    inputs: list[InferInput] = Field(min_length=1, max_length=1)
    outputs: list[InferOutput] | None = Field(
        None, max_length=16, description="Those wanted; all where it is not given."
    )


class ResponseOutput(BaseModel):
    """An output tensor, its data flat in row-major order."""

    name: str
    shape: list[int]
    datatype: _Kind
    data: list[str | bool | float]


class InferResponse(BaseModel):
    """An inference response of the protocol."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_version: str
    id: str | None = Field(None, description="As it was given.")
    outputs: list[ResponseOutput]


def images_of(given: InferInput, most: int) -> list[Callable[[], bytes]]:
    """Return what gives the file of each image of an input.

    Pixels become a file without loss, so that they go the way of every image.

    Parameters
    ----------
    given
        The tensor.
    most
        How many images there may be.

    Raises
    ------
    Problem
        When datatype, shape and data do not fit together, or there are too many images.
    """
    expected = next(one for one in INPUTS if one.name == given.name)
    if given.datatype != expected.datatype:
        raise _unfit(f"the input '{given.name}' must be {expected.datatype}, got {given.datatype}", "datatype")
    if given.name == "image":
        shape_fits = len(given.shape) == 1 or (len(given.shape) == 2 and given.shape[1] == 1)
    else:
        shape_fits = len(given.shape) == 4 and given.shape[3] == 3
    if not shape_fits:
        raise _unfit(f"the input '{given.name}' must have the shape {expected.shape}, got {given.shape}", "shape")
    if given.shape[0] > most:
        detail = f"a request must hold at most {most} images, got {given.shape[0]}: send them in parts"
        raise Problem(413, "too-many-images", detail)
    values = _flat(given.data, len(given.shape))
    if len(values) != math.prod(given.shape):
        raise _unfit(
            f"data of shape {given.shape} must have {math.prod(given.shape)} values, got {len(values)}", "data"
        )
    if given.name == "image":
        if not all(isinstance(value, str) for value in values):
            raise _unfit("BYTES must be given as text in base64", "data")
        return [partial(from_base64, text, "inputs.data") for text in values]
    if not all(type(value) is int and 0 <= value <= 255 for value in values):
        raise _unfit("UINT8 must be whole numbers 0 to 255", "data")
    pixels = np.array(values, dtype=np.uint8).reshape(given.shape)
    return [partial(_as_file, image) for image in pixels]


def output_shapes(classes: int) -> tuple[TensorMetadata, ...]:
    """Return the outputs of a model of so many classes."""
    return (
        TensorMetadata(name="label", datatype="BYTES", shape=[-1]),
        TensorMetadata(name="confidence", datatype="FP64", shape=[-1]),
        TensorMetadata(name="probabilities", datatype="FP64", shape=[-1, classes]),
        TensorMetadata(name="prediction_set", datatype="BOOL", shape=[-1, classes]),
        TensorMetadata(name="verdict", datatype="BYTES", shape=[-1]),
        TensorMetadata(name="reason", datatype="BYTES", shape=[-1]),
        TensorMetadata(name="ood_p_value", datatype="FP64", shape=[-1]),
        TensorMetadata(name="classes", datatype="BYTES", shape=[classes]),
        TensorMetadata(name="disclaimer", datatype="BYTES", shape=[1]),
    )


def outputs_of(
    answers: Sequence[PredictResponse], classes: Sequence[str], wanted: Sequence[str] | None
) -> list[ResponseOutput]:
    """Return the outputs that are wanted.

    Parameters
    ----------
    answers
        One for each image, with probabilities.
    classes
        In the order of the columns.
    wanted
        Names; all where None.

    Raises
    ------
    Problem
        When one is not known.
    """
    columns: dict[str, list[str | bool | float]] = {
        "label": [one.predicted_class for one in answers],
        "confidence": [one.confidence for one in answers],
        "probabilities": [(one.probabilities or {})[name] for one in answers for name in classes],
        "prediction_set": [name in one.prediction_set for one in answers for name in classes],
        "verdict": [one.verdict for one in answers],
        "reason": [one.reason for one in answers],
        "ood_p_value": [one.ood_p_value for one in answers],
        "classes": list(classes),
        "disclaimer": [answers[0].disclaimer],
    }
    known = {one.name: one for one in output_shapes(len(classes))}
    return [
        ResponseOutput(
            name=name, datatype=known[name].datatype, data=columns[name],
            shape=[len(answers) if length < 0 else length for length in known[name].shape],
        )
        for name in (known if wanted is None else wanted)
    ]  # fmt: skip


def _flat(data: list[Any], depth: int) -> list[Any]:
    for _ in range(depth - 1):
        if not data or not all(isinstance(part, list) for part in data):
            return data
        data = [value for part in data for value in part]
    return data


def _as_file(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _unfit(detail: str, field: str) -> Problem:
    return Problem(422, "unusable-fields", detail, errors=[{"field": f"inputs.0.{field}", "message": detail}])
