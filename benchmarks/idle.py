"""Timings that other processes did not disturb: one during which they computed is taken again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import psutil

MOST = 0.05
"""Largest share of all cores that others may take during a timing."""
PATIENCE = 10.0  # seconds after which the least disturbed timing is taken as it is


class Clock:
    """Times work while the machine is otherwise idle.

    Attributes
    ----------
    disturbed
        Timings that were taken although others computed, for lack of a quiet moment.
    """

    def __init__(self) -> None:
        self.disturbed = 0

    def seconds(self, work: Callable[[], Any]) -> float:
        """Return how long the work takes; it may be done several times."""
        best, least, until = 0.0, 2.0, time.monotonic() + PATIENCE
        while True:
            before, began = _others(), time.perf_counter()
            work()
            taken = time.perf_counter() - began
            share = (_others() - before) / taken / (os.cpu_count() or 1)
            if share < least:
                best, least = taken, share
            if least < MOST:
                return best
            if time.monotonic() > until:
                self.disturbed += 1
                return best


def _others() -> float:
    """Return CPU seconds that processes other than this one and its children have used."""
    whole = psutil.cpu_times()
    busy = sum(whole) - whole.idle - getattr(whole, "iowait", 0.0) - getattr(whole, "guest", 0.0)
    own = 0.0
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        try:
            used = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        own += used.user + used.system
    ended = me.cpu_times()
    return float(busy - own - ended.children_user - ended.children_system)
