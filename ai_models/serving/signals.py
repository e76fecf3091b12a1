"""Signals, heard beside the server that runs the application: it goes on hearing those that end it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

__all__ = ["heard"]


@contextlib.contextmanager
def heard(stop: Callable[[], None], reload: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at SIGTERM and SIGINT before the server's own handler, and `reload` at SIGHUP, in the event loop.

    Only the main thread hears signals; elsewhere this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    hangup = getattr(signal, "SIGHUP", None)
    before: dict[int, Any] = {}

    def ending(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)
        handler = before[number]
        if callable(handler):
            handler(number, frame)

    def reloading(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(reload)

    for ends in (signal.SIGTERM, signal.SIGINT):
        handler = signal.getsignal(ends)
        if callable(handler) and handler is not signal.default_int_handler:  # a server that stops in its own way
            before[ends] = signal.signal(ends, ending)
    if hangup is not None:
        before[hangup] = signal.signal(hangup, reloading)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) in (ending, reloading):
                signal.signal(number, handler)
