"""The workers of one service: those that judge, one that explains, and the model that all of them hold."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ai_models.core.logs import get_logger
from ai_models.serving.workers.answers import Judged, from_json
from ai_models.serving.workers.nursery import ForkingNursery, Nursery
from ai_models.serving.workers.place import Limits
from ai_models.serving.workers.pool import Pool
from ai_models.serving.workers.wire import EXPLAIN, PREDICT, Message

__all__ = ["Explained", "Said", "Workforce", "nursery_for"]

_log = get_logger(__name__)
_EXPLANATIONS_WAITING = 4


@dataclass(frozen=True, slots=True)
class Said:
    """What became of an image, and by which model."""

    result: Judged
    version: str


@dataclass(frozen=True, slots=True)
class Explained:
    """Why the model says what it says of an image.

    Attributes
    ----------
    content
        Plain values, see `ai_models.serving.workers.explaining.Explaining`.
    overlay
        The heat map over the photograph, a PNG; empty where there is none.
    version
        Of the model.
    """

    content: dict[str, Any]
    overlay: bytes
    version: str


class Workforce:
    """Everybody who works for a service.

    Parameters
    ----------
    limits
        Of those that judge.
    """

    def __init__(self, limits: Limits) -> None:
        self._judges = Pool(PREDICT, limits, _said)
        self._explainers = Pool(
            EXPLAIN, replace(limits, workers=1, queue=_EXPLANATIONS_WAITING, together=1), _explained
        )
        self._limits = limits
        self._nursery: Nursery | None = None
        self._turn = asyncio.Lock()
        self._explaining = False

    @property
    def about(self) -> dict[str, Any]:
        """What the workers say of their model; empty before `employ`."""
        return self._nursery.about if self._nursery is not None else {}

    @property
    def full(self) -> bool:
        """Whether one more image would be refused."""
        return self._judges.full

    @property
    def seconds(self) -> float:
        """After how many seconds what waits is judged."""
        return self._judges.seconds

    @property
    def ready(self) -> int:
        """How many workers are there to judge."""
        return self._judges.ready

    @property
    def waiting(self) -> int:
        """How many images wait for a worker."""
        return self._judges.waiting

    @property
    def lost(self) -> int:
        """How many workers were lost, or killed for taking too long."""
        return self._judges.lost + self._explainers.lost

    @property
    def pids(self) -> tuple[int, ...]:
        """All processes."""
        mother = self._nursery.pids if self._nursery is not None else ()
        return (*mother, *self._judges.pids, *self._explainers.pids)

    async def employ(self, nursery: Nursery) -> None:
        """Take workers of a new model; those of the old one leave when the new ones are there.

        Raises
        ------
        Exception
            When the new ones do not start; those of before stay.
        """
        async with self._turn:
            try:
                await nursery.start()
                await self._judges.staff(nursery)
            except BaseException:
                await nursery.close()
                raise
            before, self._nursery = self._nursery, nursery
            if self._explaining:
                await self._explain_from(nursery)
            if before is not None:
                await before.close()

    async def _explain_from(self, nursery: Nursery) -> None:
        """Let explanations come from the new model, too; where they do not, whoever asks next is told why."""
        try:
            await self._explainers.staff(nursery)
        except Exception as error:
            _log.error("the new model is not explained: %s", error or type(error).__name__)
            await self._explainers.dismiss()
            self._explaining = False

    async def judge(self, data: bytes) -> Said:
        """Return what becomes of an image.

        Raises
        ------
        NoAnswerError
            Of the kind that says why it is not judged.
        """
        said: Said = await self._judges.ask(data)
        return said

    async def explain(self, data: bytes) -> Explained | Judged:
        """Return why the model says what it says of an image, or why it cannot be read; the first waits longer.

        Raises
        ------
        NoAnswerError
            Of the kind that says why it is not explained.
        """
        if not self._explaining:
            async with self._turn:
                if not self._explaining and self._nursery is not None:
                    await self._explainers.staff(self._nursery)
                    self._explaining = True
        explained: Explained | Judged = await self._explainers.ask(data)
        return explained

    def stop(self) -> None:
        """Take no more questions."""
        self._judges.stop()
        self._explainers.stop()

    def abandon(self) -> None:
        """Leave every question without an answer."""
        self._judges.abandon()
        self._explainers.abandon()

    async def close(self) -> None:
        """End every process."""
        await self._judges.close()
        await self._explainers.close()
        if self._nursery is not None:
            await self._nursery.close()


def nursery_for(what: Mapping[str, Any], forks: bool = sys.platform == "linux") -> Nursery:
    """Return where workers of a model come from on this system."""
    if forks:
        return ForkingNursery(what)
    from ai_models.serving.workers.spawning import SpawningNursery

    return SpawningNursery(what)


def _said(message: Message, about: dict[str, Any]) -> list[Any]:
    return [Said(result, str(about["version"])) for result in from_json(message.parts[0])]


def _explained(message: Message, about: dict[str, Any]) -> list[Any]:
    content, overlay = message.parts
    plain = json.loads(content)
    if "content" not in plain:
        return from_json(json.dumps([plain]).encode("ascii"))
    return [Explained(plain["content"], overlay, str(about["version"]))]
