"""Workers where a process cannot be forked safely: each loads the model itself and speaks over pipes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, cast

from ai_models.core.errors import BundleError
from ai_models.serving.workers.line import Line, Worker, introduced
from ai_models.serving.workers.nursery import PROGRAM, SECONDS_TO_START, command, environment
from ai_models.serving.workers.wire import PREDICT

__all__ = ["SpawningNursery"]

_SECONDS_TO_END = 2.0  # for a worker whose pipes are closed


class SpawningNursery:
    """Starts a whole program for each worker.

    Parameters
    ----------
    what, program
        As for `ai_models.serving.workers.nursery.ForkingNursery`.
    """

    def __init__(self, what: Mapping[str, Any], program: str = PROGRAM) -> None:
        self.about: dict[str, Any] = {}
        self._what = what
        self._program = program
        self._first: Worker | None = None

    @property
    def pids(self) -> tuple[int, ...]:
        """There are none beside the workers."""
        return ()

    async def start(self) -> None:
        """Start the first worker, which shows whether the model can be used."""
        self._first = await self._spawned(PREDICT)
        self.about = self._first.about

    async def worker(self, role: bytes) -> Worker:
        """Return the first worker, then new ones.

        Raises
        ------
        BundleError
            When the model directory has another model by now: one service does not answer from two.
        """
        if self._first is not None and role == PREDICT:
            first, self._first = self._first, None
            return first
        worker = await self._spawned(role)
        if self.about and worker.about["version"] != self.about["version"]:
            worker.kill()
            await worker.end()
            raise BundleError("the model directory holds another model than at the start: reload or start again")
        return worker

    async def close(self) -> None:
        """End the first worker where nobody took it."""
        if self._first is not None:
            self._first.kill()
            await self._first.end()
            self._first = None

    async def _spawned(self, role: bytes) -> Worker:
        transport, pipes = await asyncio.get_running_loop().subprocess_exec(
            _Pipes, *command(self._what, self._program), role.decode("ascii"), stderr=None, env=environment()
        )
        writer = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))

        def kill(pid: int) -> None:
            if not pipes.line.lost.done():  # to kill is to look, and so to take away what tells how it ended
                with contextlib.suppress(ProcessLookupError):
                    transport.kill()

        async def ended(pid: int) -> int:
            if not (await asyncio.wait((pipes.exited,), timeout=_SECONDS_TO_END))[0]:
                with contextlib.suppress(ProcessLookupError):
                    transport.kill()
                await pipes.exited
            status = transport.get_returncode()
            transport.close()
            return 0 if status is None else status

        try:
            about = await introduced(pipes.line, SECONDS_TO_START)
        except BaseException:
            kill(0)
            await ended(0)
            raise
        return Worker(pipes.line, writer, about, kill, ended)


class _Pipes(asyncio.SubprocessProtocol):
    def __init__(self) -> None:
        self.line = Line()
        self.exited: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.line.data_received(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            self.line.connection_lost(exc)

    def process_exited(self) -> None:
        self.exited.set_result(None)
