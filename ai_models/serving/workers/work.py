"""The life of a worker: it is made ready, then answers one message after another until the service is gone."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any, BinaryIO, NoReturn, Protocol

from ai_models.core.errors import AmuletError
from ai_models.core.logs import get_logger
from ai_models.serving.workers.offspring import come_after, die_with, expendable
from ai_models.serving.workers.wire import ANSWER, FAILED, READY, Message, packed, read

__all__ = ["Program", "ignore_signals", "loaded", "run_alone", "work"]

_log = get_logger(__name__)


class Program(Protocol):
    """What a worker does."""

    def about(self) -> dict[str, Any]:
        """Return what the service is told of the model, as plain values."""

    def prepare(self, role: bytes) -> None:
        """Make ready for one kind of question."""

    def answer(self, message: Message) -> list[bytes]:
        """Return the byte strings of an answer."""


def run_alone(load: Callable[[], Program], role: bytes) -> NoReturn:
    """Load the model and work on the pipes of standard input and output."""
    ignore_signals()
    come_after()
    die_with(os.getppid())
    reader, writer = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no message
    program, failure = loaded(load)
    if program is None:
        _write(writer, FAILED, [json.dumps(failure).encode("ascii")])
        os._exit(1)
    work(program, role, reader, writer)


def work(program: Program, role: bytes, reader: BinaryIO, writer: BinaryIO) -> NoReturn:
    """Answer until the service is gone, then end.

    Parameters
    ----------
    program
        What to do.
    role
        The kind of question that it is made ready for.
    reader, writer
        The line to the service.
    """
    expendable()
    status = 1
    try:
        program.prepare(role)
        _write(writer, READY, [json.dumps({"pid": os.getpid(), **program.about()}).encode("ascii")])
        while (message := read(reader)) is not None:
            _write(writer, ANSWER, program.answer(message))
        status = 0
    except (BrokenPipeError, ConnectionResetError):
        status = 0  # the service is gone
    except Exception:
        _log.exception("a worker ends")
    finally:
        os._exit(status)  # nothing of what it shares with others is torn down


def loaded(load: Callable[[], Program]) -> tuple[Program | None, dict[str, Any]]:
    """Return the program, or None and what the service is told instead."""
    try:
        return load(), {}
    except AmuletError as error:
        return None, {"failed": str(error), "kind": type(error).__name__}
    except Exception as error:
        _log.exception("the model cannot be loaded")
        return None, {"failed": f"the model cannot be loaded ({type(error).__name__}: {error})", "kind": "RuntimeError"}


def ignore_signals() -> None:
    """Leave to the service what is sent to all its processes: it ends its workers by closing their lines."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _write(writer: BinaryIO, kind: bytes, parts: list[bytes]) -> None:
    writer.write(packed(kind, parts))
    for part in parts:
        writer.write(part)
    writer.flush()
