"""A number of workers behind one queue: lost ones are replaced, old ones make room for those of a new model."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from ai_models.serving.workers.nursery import Nursery
from ai_models.serving.workers.place import Limits, Place, Reader
from ai_models.serving.workers.waiting import Waiting

__all__ = ["Pool"]


class Pool:
    """Workers of one role.

    Parameters
    ----------
    role
        The kind of question that they answer.
    limits
        See `Limits`.
    read
        From an answer and what its worker says of its model to one result for each question of the message.
    """

    def __init__(self, role: bytes, limits: Limits, read: Reader) -> None:
        self._role = role
        self._limits = limits
        self._read = read
        self._waiting = Waiting(limits.queue, patience=3 * limits.seconds, together=limits.together)
        self._places: list[Place] = []
        self._lost_before = 0

    @property
    def full(self) -> bool:
        """Whether one more question would be refused."""
        return self._waiting.full

    @property
    def ready(self) -> int:
        """How many workers are there."""
        return sum(place.worker is not None for place in self._places)

    @property
    def waiting(self) -> int:
        """How many questions wait."""
        return len(self._waiting)

    @property
    def lost(self) -> int:
        """How many workers have ended that were not to."""
        return self._lost_before + sum(place.lost for place in self._places)

    @property
    def pids(self) -> tuple[int, ...]:
        """Their numbers."""
        return tuple(place.worker.pid for place in self._places if place.worker is not None)

    @property
    def seconds(self) -> float:
        """After how many seconds what waits is done."""
        return self._waiting.seconds(self._limits.workers)

    async def ask(self, data: bytes) -> Any:
        """Return the result for one image.

        Raises
        ------
        NoAnswerError
            Of the kind that says why there is none.
        """
        return await self._waiting.ask(data, self._limits.workers)

    async def staff(self, nursery: Nursery) -> None:
        """Take workers from a nursery; those of before leave when the new ones are there, after their last answer.

        Raises
        ------
        Exception
            When they do not start; those of before stay.
        """
        before, new = self._places, [self._place(nursery) for _ in range(self._limits.workers)]
        self._places = [*before, *new]
        try:
            await asyncio.gather(*(place.first for place in new))
        except BaseException:
            self._places = before
            await _dismissed(new)
            raise
        self._places = new
        self._lost_before += sum(place.lost for place in before)
        for place in before:
            place.leave()
        await asyncio.gather(*(place.task for place in before))

    def stop(self) -> None:
        """Take no more questions."""
        self._waiting.stop()

    def abandon(self) -> None:
        """Leave every question without an answer."""
        self._waiting.abandon()

    async def dismiss(self) -> None:
        """End all workers at once; what they worked on waits for others."""
        places, self._places = self._places, []
        await _dismissed(places)

    async def close(self) -> None:
        """End all workers at once, and leave every question without an answer."""
        self.abandon()
        await self.dismiss()

    def _place(self, nursery: Nursery) -> Place:
        place = Place(nursery, self._role, self._limits, self._waiting, self._read)
        place.task = asyncio.create_task(place.live())
        return place


async def _dismissed(places: list[Place]) -> None:
    for place in places:
        place.leave()
        place.task.cancel()
    for place in places:
        with contextlib.suppress(asyncio.CancelledError):
            await place.task
