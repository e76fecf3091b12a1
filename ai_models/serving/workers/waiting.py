"""The questions that wait for a worker: in order, no more than may, and no longer than they should."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass
from typing import Any

from ai_models.serving.workers.errors import BusyError, NoAnswerError, StoppingError

__all__ = ["Job", "Waiting"]

_PACE = 0.05  # weight of the last question in the mean
_FIRST_GUESS = 0.05  # seconds
_SMALL = 256 * 2**10
"""Bytes up to which an image may go to a worker together with others."""


@dataclass(eq=False, slots=True)
class Job:
    """One question.

    Attributes
    ----------
    data
        The image file.
    answer
        What becomes of it.
    alone
        Whether it goes to a worker by itself.
    """

    data: bytes
    answer: asyncio.Future[Any]
    alone: bool


class Waiting:
    """The queue.

    Parameters
    ----------
    most
        How many may wait.
    patience
        Seconds that one waits at most.
    together
        How many go to one worker at once, where they wait anyway.
    """

    def __init__(self, most: int, patience: float, together: int) -> None:
        self.most = most
        self._patience = patience
        self._together = together
        self._jobs: deque[Job] = deque()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._free = 0
        self._running: set[Job] = set()
        self._seconds = _FIRST_GUESS
        self._stopping = False

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def full(self) -> bool:
        """Whether one more question would be refused."""
        return len(self._jobs) >= self.most + self._free

    def seconds(self, workers: int) -> float:
        """Return how long what waits will take."""
        return (len(self._jobs) + 1) * self._seconds / max(1, workers)

    async def ask(self, data: bytes, workers: int) -> Any:
        """Wait for the answer to one question.

        Raises
        ------
        NoAnswerError
            Of the kind that says why there is none.
        """
        if self._stopping:
            raise StoppingError
        if self.full:
            raise BusyError(self.seconds(workers))
        loop = asyncio.get_running_loop()
        job = Job(data, loop.create_future(), alone=len(data) > _SMALL)
        self._jobs.append(job)
        self._wake()
        timer = loop.call_later(self._patience, self._give_up, job, workers)
        try:
            return await job.answer
        finally:
            timer.cancel()

    async def take(self, workers: int, gone: asyncio.Future[None]) -> list[Job]:
        """Return the next questions for one worker, once there are any; none when `gone` is done before.

        Those that wait are shared out among the workers, so that none is idle while another has several.
        """
        while not gone.done():
            self._jobs = deque(job for job in self._jobs if not job.answer.done()) if self._jobs else self._jobs
            if self._jobs:
                return self._taken(workers)
            idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(idle)
            self._free += 1
            try:
                await asyncio.wait((idle, gone), return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._free -= 1
                if idle.done():
                    if gone.done():
                        self._wake()  # the call was not for one that is gone
                else:
                    idle.cancel()
                    self._idle.remove(idle)
        return []

    def _taken(self, workers: int) -> list[Job]:
        first = self._jobs.popleft()
        taken = [first]
        most = 1 if first.alone else min(self._together, math.ceil((len(self._jobs) + 1) / max(1, workers)))
        while len(taken) < most and self._jobs and not self._jobs[0].alone:
            taken.append(self._jobs.popleft())
        self._running.update(taken)
        return taken

    def done(self, jobs: list[Job], answers: list[Any], seconds: float) -> None:
        """Hand out the answers to questions that were taken."""
        self._seconds += _PACE * (seconds / len(jobs) - self._seconds)
        for job, answer in zip(jobs, answers, strict=True):
            self._running.discard(job)
            if not job.answer.done():
                job.answer.set_result(answer)

    def failed(self, jobs: list[Job], error: NoAnswerError) -> None:
        """Give up a question that cost a worker; of several at once each is tried again, alone and before others."""
        if len(jobs) > 1:
            for job in jobs:
                job.alone = True
            self.put_back(jobs)
            return
        self._running.difference_update(jobs)
        for job in jobs:
            if not job.answer.done():
                job.answer.set_exception(error)

    def put_back(self, jobs: list[Job]) -> None:
        """Let questions that were taken wait again, before all others."""
        self._running.difference_update(jobs)
        self._jobs.extendleft(reversed(jobs))
        for _ in jobs:
            self._wake()

    def stop(self) -> None:
        """Take no more questions."""
        self._stopping = True

    def abandon(self) -> None:
        """Leave every question without an answer."""
        self.stop()
        for job in (*self._jobs, *self._running):
            if not job.answer.done():
                job.answer.set_exception(StoppingError())
        self._jobs.clear()

    def _wake(self) -> None:
        while self._idle:
            idle = self._idle.popleft()
            if not idle.done():
                idle.set_result(None)
                return

    def _give_up(self, job: Job, workers: int) -> None:
        if job not in self._running and not job.answer.done():
            job.answer.set_exception(BusyError(self.seconds(workers)))
