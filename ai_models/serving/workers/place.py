"""Room for one worker, which is never empty for long: a lost worker is replaced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ai_models.core.logs import get_logger
from ai_models.serving.workers.errors import NoAnswerError, TimeLimitError, WorkerLostError
from ai_models.serving.workers.line import Worker
from ai_models.serving.workers.nursery import Nursery
from ai_models.serving.workers.waiting import Job, Waiting
from ai_models.serving.workers.wire import Message

__all__ = ["Limits", "Place", "Reader"]

_log = get_logger(__name__)
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 30.0  # seconds between attempts to start a worker

Reader = Callable[[Message, dict[str, Any]], list[Any]]
"""From an answer, and what its worker says of its model, to one result for each question of the message."""


@dataclass(frozen=True)
class Limits:
    """How a pool holds.

    Attributes
    ----------
    workers
        Processes.
    queue
        Questions that may wait.
    seconds
        Time limit of a question in a worker.
    together
        Questions that go to one worker at once, where they wait anyway.
    """

    workers: int
    queue: int
    seconds: float
    together: int = 1


class Place:
    """Room for one worker, which is never empty for long."""

    task: asyncio.Task[None]

    def __init__(
        self,
        nursery: Nursery,
        role: bytes,
        limits: Limits,
        waiting: Waiting,
        read: Reader,
    ) -> None:
        self.worker: Worker | None = None
        self.lost = 0
        loop = asyncio.get_running_loop()
        self.first: asyncio.Future[None] = loop.create_future()
        self._leaving: asyncio.Future[None] = loop.create_future()
        self._nursery, self._role, self._limits, self._waiting, self._read = nursery, role, limits, waiting, read

    def leave(self) -> None:
        """End after the question that is being answered."""
        if not self._leaving.done():
            self._leaving.set_result(None)

    async def live(self) -> None:
        """Have a worker answer, and another when it is lost, until this place is given up."""
        wait = _FIRST_WAIT
        while not self._leaving.done():
            try:
                worker = await self._nursery.worker(self._role)
            except Exception as error:
                if not self.first.done():
                    self.first.set_exception(error)
                    return
                _log.error("a worker does not start (%s); the next attempt is in %.1f s", error or "no word", wait)
                await asyncio.wait((self._leaving,), timeout=wait)
                wait = min(_LONGEST_WAIT, 2 * wait)
                continue
            wait = _FIRST_WAIT
            try:
                await self._employ(worker)
            except Exception:
                _log.exception("a worker is given up")

    async def _employ(self, worker: Worker) -> None:
        self.worker = worker
        if not self.first.done():
            self.first.set_result(None)
        gone = asyncio.get_running_loop().create_future()

        def end(_: asyncio.Future[None]) -> None:
            if not gone.done():
                gone.set_result(None)

        worker.lost.add_done_callback(end)
        self._leaving.add_done_callback(end)
        try:
            while jobs := await self._waiting.take(self._limits.workers, gone):
                await self._answer(worker, jobs)
        finally:
            self.worker = None
            self._leaving.remove_done_callback(end)
            if not self._leaving.done() or self.task.cancelling():
                worker.kill()
            status = await worker.end()
        if not self._leaving.done():
            self.lost += 1
            how = f"signal {-status}" if status < 0 else f"status {status}"
            _log.warning("a worker ended (%s) and is replaced", how)

    async def _answer(self, worker: Worker, jobs: list[Job]) -> None:
        started = time.perf_counter()
        try:
            message = await worker.ask(self._role, [job.data for job in jobs], self._limits.seconds)
            results = self._read(message, worker.about)
            if len(results) != len(jobs):
                raise ValueError("an answer for each question")
        except NoAnswerError as error:
            if isinstance(error, TimeLimitError):
                _log.warning("a worker is killed: no answer in %g s", self._limits.seconds)
            self._waiting.failed(jobs, error)
        except asyncio.CancelledError:
            self._waiting.put_back(jobs)
            raise
        except Exception:
            _log.exception("a worker is killed: what it sent is no answer")
            worker.kill()
            self._waiting.failed(jobs, WorkerLostError())
        else:
            self._waiting.done(jobs, results, time.perf_counter() - started)
