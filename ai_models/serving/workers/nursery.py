"""Where workers come from: forked from a template that holds the model, or each started on its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import ai_models
from ai_models.core.logs import get_logger
from ai_models.serving.workers.errors import WorkerLostError
from ai_models.serving.workers.line import Line, Worker, failure, introduced

__all__ = ["PROGRAM", "ForkingNursery", "Nursery", "command", "environment"]

_log = get_logger(__name__)
PROGRAM = "ai_models.serving.workers.program"
"""Module whose ``main`` is run."""
SECONDS_TO_START = 120.0
"""A new worker says that it is ready within this time, or counts as lost."""
_LONGEST = 2**20


class Nursery(Protocol):
    """Gives workers of one model."""

    about: dict[str, Any]
    """What the workers say of the model; empty before `start`."""

    async def start(self) -> None:
        """Load the model; raises `AmuletError` where it cannot be used."""

    async def worker(self, role: bytes) -> Worker:
        """Return a new worker that is ready."""

    async def close(self) -> None:
        """End what is left of it, after its workers."""

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes beside the workers."""


class ForkingNursery:
    """A template loads the model once; a worker is a fork of it, there within milliseconds.

    Parameters
    ----------
    what
        Which model, as `ai_models.serving.workers.model.Model.load` takes it.
    program
        Module whose ``main`` is run.
    """

    def __init__(self, what: Mapping[str, Any], program: str = PROGRAM) -> None:
        self.about: dict[str, Any] = {}
        self._what = what
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._turn = asyncio.Lock()

    @property
    def pids(self) -> tuple[int, ...]:
        """The template."""
        return (self._process.pid,) if self._process is not None else ()

    async def start(self) -> None:
        """Start the template and wait until it has loaded the model."""
        async with self._turn:
            await self._start()

    async def worker(self, role: bytes) -> Worker:
        """Fork a worker; where the template has ended, start it again first."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                pid = await self._forked(role, theirs)
            transport, line = await asyncio.get_running_loop().create_connection(Line, sock=ours)
        except BaseException:
            ours.close()
            raise
        try:
            about = await introduced(line, SECONDS_TO_START)
        except BaseException:
            _kill(pid)
            transport.close()
            await self._reap(pid)
            raise
        return Worker(line, transport, about, _kill, self._reap)

    async def _forked(self, role: bytes, theirs: socket.socket) -> int:
        async with self._turn:
            if self._process is None or self._process.poll() is not None:
                _log.warning("the process that holds the model has ended and is started again")
                await self._start()
            assert self._control is not None
            try:
                socket.send_fds(self._control, [b"fork " + role], [theirs.fileno()])
            except OSError:
                raise WorkerLostError from None
            said = await self._received()
            if not said:
                raise WorkerLostError
            return int(said)

    async def close(self) -> None:
        """End the template."""
        async with self._turn:
            await self._stop()

    async def _start(self) -> None:
        await self._stop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [*command(self._what, self._program), "template", str(theirs.fileno())],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), env=environment(),
            )  # fmt: skip
        ours.setblocking(False)
        self._control = ours
        said = await self._received()
        if not said:
            raise WorkerLostError("the process that loads the model ended without a word")
        about = json.loads(said)
        if "failed" in about:
            raise failure(about)
        self.about = about

    async def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()  # it keeps nothing
            await asyncio.to_thread(self._process.wait)
            self._process = None

    async def _received(self) -> bytes:
        assert self._control is not None
        try:
            return await asyncio.get_running_loop().sock_recv(self._control, _LONGEST)
        except OSError:
            return b""

    async def _reap(self, pid: int) -> int:
        """Let the template take leave of a worker, and say how it ended."""
        async with self._turn:
            if self._control is None:
                return 0
            try:
                await asyncio.get_running_loop().sock_sendall(self._control, f"reap {pid}".encode("ascii"))
            except OSError:
                return -signal.SIGKILL
            return int(await self._received() or -signal.SIGKILL)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def command(what: Mapping[str, Any], program: str) -> list[str]:
    """Return how a program of the workers is started, from wherever this package was imported."""
    root = str(Path(ai_models.__file__).resolve().parents[1])
    code = f"import sys; sys.path.insert(0, {root!r}); from {program} import main; main()"
    return [sys.executable, "-P", "-c", code, json.dumps(dict(what))]


def environment() -> dict[str, str]:
    """Return the environment of the workers: one thread each, for there are as many of them as cores."""
    return dict(os.environ) | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
