"""The service's end of the line to one worker: one question at a time, and a time limit that is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ai_models.core import errors
from ai_models.core.errors import AmuletError
from ai_models.serving.workers.errors import TimeLimitError, WorkerLostError
from ai_models.serving.workers.wire import FAILED, Message, packed, take

__all__ = ["Line", "Worker", "failure"]


class Line(asyncio.Protocol):
    """Messages from a worker, whole; what carries them is a socket or a pair of pipes.

    Attributes
    ----------
    lost
        Done once the other end is closed.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._come: asyncio.Queue[Message | None] = asyncio.Queue()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Put bytes to what came before."""
        self._buffer += data
        try:
            while (message := take(self._buffer)) is not None:
                self._come.put_nowait(message)
        except ValueError:
            self.connection_lost(None)  # what speaks so is no worker any more

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nothing will come."""
        if not self.lost.done():
            self.lost.set_result(None)
            self._come.put_nowait(None)

    async def receive(self) -> Message:
        """Return the next message.

        Raises
        ------
        WorkerLostError
            When none will come.
        """
        message = await self._come.get()
        if message is None:
            raise WorkerLostError
        return message


class Worker:
    """One worker process.

    Parameters
    ----------
    line, transport
        To it.
    pid
        Its number.
    about
        What it says of its model.
    kill
        Ends it at once.
    ended
        Called after the line is closed; returns how it ended.
    """

    def __init__(
        self,
        line: Line,
        transport: asyncio.WriteTransport,
        about: dict[str, Any],
        kill: Callable[[int], None],
        ended: Callable[[int], Awaitable[int]],
    ) -> None:
        self.about = about
        self.pid = int(about["pid"])
        self._line = line
        self._transport = transport
        self._kill = kill
        self._ended = ended

    @property
    def lost(self) -> asyncio.Future[None]:
        """Done once the worker has ended."""
        return self._line.lost

    async def ask(self, kind: bytes, parts: Sequence[bytes], limit: float) -> Message:
        """Return the answer to one question; whoever asks waits for it before the next.

        Parameters
        ----------
        kind, parts
            The message.
        limit
            Seconds after which the worker is killed.

        Raises
        ------
        TimeLimitError, WorkerLostError
            When there is no answer; the worker is of no use any more.
        """
        late = False

        def stop() -> None:
            nonlocal late
            late = True
            self.kill()

        timer = asyncio.get_running_loop().call_later(limit, stop)
        try:
            self._transport.write(packed(kind, parts))
            for part in parts:
                self._transport.write(part)
            return await self._line.receive()
        except WorkerLostError:
            if late:
                raise TimeLimitError from None
            raise
        finally:
            timer.cancel()

    def kill(self) -> None:
        """End it at once; only before `end`."""
        self._kill(self.pid)

    async def end(self) -> int:
        """Close the line, wait for the end, and return how that was: 0, a status, or minus a signal."""
        self._transport.close()
        return await self._ended(self.pid)


async def introduced(line: Line, seconds: float) -> dict[str, Any]:
    """Return what a new worker says of itself.

    Raises
    ------
    AmuletError
        When it says that there is no usable model.
    WorkerLostError
        When it ended, or said nothing in time.
    """
    try:
        message = await asyncio.wait_for(line.receive(), seconds)
    except TimeoutError:
        raise WorkerLostError from None
    said: dict[str, Any] = json.loads(message.parts[0])
    if message.kind == FAILED:
        raise failure(said)
    return said


def failure(said: dict[str, Any]) -> Exception:
    """Return the error that a template or worker tells of."""
    kind = getattr(errors, str(said.get("kind")), None)
    text = str(said["failed"])
    if isinstance(kind, type) and issubclass(kind, AmuletError) and kind not in (errors.ConfigError, errors.ImageError):
        return kind(text)
    return AmuletError(text)
