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

__all__ = ["MEDIA_TYPE", "Problem", "install_handlers", "too_large"]

MEDIA_TYPE = "application/problem+json"
_KIND = "urn:problem-type:amulet-ai:"
_LONGEST_NAME = 80


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
    members
        Further members of the answer.
    """

    def __init__(self, status: int, kind: str, detail: str, **members: Any) -> None:
        super().__init__(status, detail)
        self.kind = kind
        self.members = members


def too_large(limit: int) -> Problem:
    """Return the problem of an upload above the limit in bytes."""
    return Problem(413, "too-large", f"the image must have at most {limit:,} bytes: send a smaller file")


def install_handlers(app: FastAPI) -> None:
    """Let every error of an application be answered as a problem."""
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _unusable)
    app.add_exception_handler(ImageError, _unreadable)
    app.add_exception_handler(Exception, _failed)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    if isinstance(error, Problem):
        return _answer(error.status_code, error.kind, error.detail, error.members, error.headers)
    return _answer(error.status_code, "", str(error.detail), {}, error.headers)


async def _unusable(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()  # each also holds the input, which is an image and goes nowhere
    if any(fault["type"] == "json_invalid" for fault in found):
        return _answer(400, "not-json", "the body must be JSON, but cannot be parsed as such", {})
    faults = [{"field": _field(fault["loc"]), "message": str(fault["msg"])} for fault in found]
    detail = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
    return _answer(422, "unusable-fields", detail, {"errors": faults})


async def _unreadable(request: Request, error: Exception) -> Response:
    assert isinstance(error, ImageError)
    members = {"verdict": "unreadable", "image_verdict": str(error.verdict)}
    if error.verdict == Verdict.BOMB:
        return _answer(413, "too-large", f"the image is too large to be decoded: {error.detail}", members)
    return _answer(422, "unreadable-image", f"the image cannot be read ({error})", members)


async def _failed(request: Request, error: Exception) -> Response:
    return _answer(500, "", "a fault of the service, which its log describes: try again or tell its operator", {})


def _field(place: Sequence[Any]) -> str:
    names = [str(part)[:_LONGEST_NAME] for part in place if part != "body"]
    return ".".join(names) or "body"


def _answer(
    status: int, kind: str, detail: str, members: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    content = {
        "type": f"{_KIND}{kind}" if kind else "about:blank",
        "title": kind.replace("-", " ").capitalize() if kind else HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "success": False,
        "error_message": detail,
        **members,
    }
    # pure ASCII: a name in a request may hold what is no valid text
    data = json.dumps(content, allow_nan=False).encode("ascii")
    return Response(data, status, media_type=MEDIA_TYPE, headers=dict(headers or {}))
