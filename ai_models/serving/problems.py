"""Errors as problem details (RFC 9457), which also carry ``success: false`` and ``error_message``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

from ai_models.core.errors import ImageError
from ai_models.core.formats import Verdict
from ai_models.serving.request_ids import current_request_id

__all__ = [
    "MEDIA_TYPE",
    "Problem",
    "install_handlers",
    "problem_content",
    "problem_response",
    "too_large",
    "too_many_values",
]

MEDIA_TYPE = "application/problem+json"
_KIND = "urn:problem-type:amulet-ai:"
_LONGEST_NAME = 80
_LONGEST_MESSAGE = 300
_MOST_FAULTS = 20  # told of one request


class Problem(HTTPException):
    """A request that is not answered, with the sentence that says why.

    Parameters
    ----------
    status
        HTTP status.
    kind
        Last part of the problem's type, such as ``"too-large"``; empty where the status says all.
    detail
        One sentence: what, expected, got, what to do.
    headers
        Further headers of the answer.
    members
        Further members of the answer.
    """

    def __init__(
        self, status: int, kind: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(status, detail, headers)
        self.kind = kind
        self.members = members


def too_large(limit: int) -> Problem:
    """Return the problem of an upload above the limit in bytes."""
    return Problem(413, "too-large", f"the image must have at most {limit:,} bytes: send a smaller file")


def too_many_values(limit: int) -> Problem:
    """Return the problem of JSON that is large in number, not in images."""
    detail = f"the JSON must have at most {limit:,} values: send images as files in base64 rather than as numbers"
    return Problem(413, "too-many-values", detail)


def problem_content(problem: Exception) -> dict[str, Any]:
    """Return an error as the members of a problem: `Problem`, `ImageError` and what FastAPI raises."""
    if isinstance(problem, Problem):
        return _content(problem.status_code, problem.kind, problem.detail, problem.members)
    if isinstance(problem, StarletteHTTPException):
        return _content(problem.status_code, "", str(problem.detail), {})
    if isinstance(problem, RequestValidationError):
        return _unusable_content(problem)
    if isinstance(problem, ImageError):
        return _unreadable_content(problem)
    return _content(500, "", "a fault of the service, which its log describes: try again or tell its operator", {})


def install_handlers(app: FastAPI) -> None:
    """Let every error of an application be answered as a problem."""
    for kind in (StarletteHTTPException, RequestValidationError, ImageError, Exception):
        app.add_exception_handler(kind, problem_response)


async def problem_response(request: Request, error: Exception) -> Response:
    """Return an error as the answer to a request."""
    content = problem_content(error)
    if request.scope["path"].startswith("/v2"):
        content["error"] = content["detail"]  # what the Open Inference Protocol asks for
    request_id = current_request_id()
    if request_id:
        content["request_id"] = request_id
    # pure ASCII: a name in a request may hold what is no valid text
    data = json.dumps(content, allow_nan=False).encode("ascii")
    headers = getattr(error, "headers", None)
    return Response(data, content["status"], media_type=MEDIA_TYPE, headers=dict(headers or {}))


def _unusable_content(error: RequestValidationError) -> dict[str, Any]:
    found = error.errors()  # each also holds the input, which is an image and goes nowhere
    if any(fault["type"] == "json_invalid" for fault in found):
        return _content(400, "not-json", "the body must be JSON, but cannot be parsed as such", {})
    faults = [
        {"field": _field(fault["loc"]), "message": str(fault["msg"])[:_LONGEST_MESSAGE]}
        for fault in found[:_MOST_FAULTS]
    ]
    detail = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
    return _content(422, "unusable-fields", detail, {"errors": faults})


def _unreadable_content(error: ImageError) -> dict[str, Any]:
    members = {"verdict": "unreadable", "image_verdict": str(error.verdict)}
    if error.verdict == Verdict.BOMB:
        return _content(413, "too-large", f"the image is too large to be decoded: {error.detail}", members)
    return _content(422, "unreadable-image", f"the image cannot be read ({error})", members)


def _field(place: Sequence[Any]) -> str:
    names = [str(part)[:_LONGEST_NAME] for part in place if part != "body"]
    return ".".join(names) or "body"


def _content(status: int, kind: str, detail: str, members: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": f"{_KIND}{kind}" if kind else "about:blank",
        "title": kind.replace("-", " ").capitalize() if kind else HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "success": False,
        "error_message": detail,
        **members,
    }
