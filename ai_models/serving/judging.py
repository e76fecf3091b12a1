"""One image of a request, judged: counted, written to the audit trail, and told."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence

from fastapi import Request

from ai_models.core.errors import ImageError
from ai_models.serving.audit import AuditTrail
from ai_models.serving.counters import Counters
from ai_models.serving.predictor import Predictor, respond
from ai_models.serving.problems import Problem
from ai_models.serving.schemas import PredictResponse
from ai_models.serving.workers.workforce import Explained

__all__ = ["explained", "judged", "judged_each"]

_AT_ONCE = 2  # several images of one request take so many places among those who wait, not one each


async def judged(
    request: Request,
    predictor: Predictor,
    image: Callable[[], bytes],
    *,
    threshold: float,
    with_probabilities: bool = True,
) -> PredictResponse:
    """Return what the model says of an image.

    Parameters
    ----------
    request
        The request that it came with.
    predictor
        The model.
    image
        Gives the bytes of the file; called at once.
    threshold
        Confidence in [0, 1] below which the verdict is at least ``unsure``.
    with_probabilities
        Whether to list every class.

    Raises
    ------
    ImageError
        When it cannot be read.
    Problem
        When it is no base64 or too large, or the audit trail cannot be written.
    """
    counters: Counters = request.app.state.counters
    started = time.perf_counter()
    hashed = _Hashed(image)
    try:
        prediction, version = await predictor.judge(hashed)
    except ImageError:
        counters.unreadable()
        _note(request, predictor.version, hashed, None)
        raise
    answer = respond(
        prediction,
        threshold=threshold,
        with_probabilities=with_probabilities,
        version=version,
        started=started,
    )
    counters.predicted(answer.verdict, time.perf_counter() - started)
    _note(request, version, hashed, answer)
    return answer


async def judged_each(
    request: Request,
    predictor: Predictor,
    images: Sequence[Callable[[], bytes]],
    *,
    threshold: float,
    with_probabilities: bool = True,
) -> list[PredictResponse | ImageError | Problem]:
    """Return for each image what `judged` returns or raises of it."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(image: Callable[[], bytes]) -> PredictResponse | ImageError | Problem:
        async with turns:
            try:
                return await judged(
                    request, predictor, image, threshold=threshold, with_probabilities=with_probabilities
                )
            except (ImageError, Problem) as error:
                return error

    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(one(image)) for image in images]
    return [task.result() for task in started]


async def explained(request: Request, predictor: Predictor, image: Callable[[], bytes]) -> Explained:
    """Return why the model says what it says of an image; parameters and errors as `judged`."""
    hashed = _Hashed(image)
    try:
        found = await predictor.explain(hashed)
    except ImageError:
        _note(request, predictor.version, hashed, None)
        raise
    _written(
        request, hashed, found.version,
        verdict=None, predicted_class=found.content["predicted_class"], confidence=None, reason="explained",
    )  # fmt: skip
    return found


def _note(request: Request, version: str, image: _Hashed, answer: PredictResponse | None) -> None:
    _written(
        request,
        image,
        version,
        verdict=answer.verdict if answer else "unreadable",
        predicted_class=answer.predicted_class if answer else None,
        confidence=answer.confidence if answer else None,
        reason=answer.reason if answer else "unreadable",
    )


def _written(request: Request, image: _Hashed, version: str, **said: str | float | None) -> None:
    trail: AuditTrail = request.app.state.audit
    trail.judged(
        route=request.scope["route"].path,
        key=request.state.caller.name,
        sha256=image.sha256,
        **said,
        model_version=version,
    )


class _Hashed:
    """The bytes of an image, and their SHA-256 once they were asked for."""

    def __init__(self, image: Callable[[], bytes]) -> None:
        self._image = image
        self.sha256 = ""

    def __call__(self) -> bytes:
        data = self._image()
        self.sha256 = hashlib.sha256(data).hexdigest()
        return data
