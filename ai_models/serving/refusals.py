"""The problems of a service that has enough to do, is stopping, or waits for a client."""

from __future__ import annotations

import math

from fastapi import Request
from starlette.types import Receive, Scope, Send

from ai_models.serving.problems import Problem, problem_response

__all__ = ["answer", "busy", "lost", "slow", "stopping", "time_limit"]


def busy(seconds: float) -> Problem:
    """Return the problem of a full queue, or of another bound that is reached; it is over in some seconds."""
    after = max(1, math.ceil(seconds))
    detail = f"the service has as much to do as it takes on: try again in {after} s"
    return Problem(503, "busy", detail, headers={"Retry-After": str(after)})


def stopping() -> Problem:
    """Return the problem of a service that stops."""
    detail = "the service stops: try again in a moment"
    return Problem(503, "stopping", detail, headers={"Retry-After": "1", "Connection": "close"})


def slow(seconds: float) -> Problem:
    """Return the problem of a body that comes too slowly."""
    detail = f"the body of the request must come within {seconds:g} s: send it again"
    return Problem(408, "slow-request", detail, headers={"Connection": "close"})


def time_limit() -> Problem:
    """Return the problem of an image that took too long."""
    detail = "the image took longer than the service allows: send a smaller or simpler one"
    return Problem(504, "time-limit", detail)


def lost() -> Problem:
    """Return the problem of an image whose worker ended."""
    detail = "the process that judged the image ended: try again, or send another file"
    return Problem(503, "worker-lost", detail, headers={"Retry-After": "1"})


async def answer(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a problem from where no handler turns it into an answer."""
    response = await problem_response(Request(scope), problem)
    await response(scope, receive, send)
