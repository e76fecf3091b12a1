"""Whose turn it is: rows wait by host, so a slow or a busy host holds up nobody but itself."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ai_models.downloading.listing import Entry

__all__ = ["Agenda", "Turn"]


class Turn(NamedTuple):
    """A row that may be asked now, for the n-th time."""

    order: int
    entry: Entry
    host: str
    attempt: int


@dataclass
class _Host:
    waiting: list[tuple[float, int, Turn]] = field(default_factory=list)
    active: int = 0
    free_at: float = 0.0
    listed_at: float | None = None

    def next_at(self) -> float:
        return max(self.free_at, self.waiting[0][0])


class Agenda:
    """Hands out rows: at most so many at once of a host, their starts some time apart, retries when they are due.

    Parameters
    ----------
    rows
        (host, row) in the order of the list.
    per_host
        The most of one host at once.
    delay
        Seconds between the starts of two of one host.
    """

    def __init__(self, rows: Iterable[tuple[str, Entry]], *, per_host: int, delay: float) -> None:
        self._per_host, self._delay = per_host, delay
        self._changed = threading.Condition()
        self._hosts: dict[str, _Host] = {}
        self._heap: list[tuple[float, str]] = []
        self._open = 0
        self._ended = False
        for order, (host, entry) in enumerate(rows):
            heapq.heappush(self._hosts.setdefault(host, _Host()).waiting, (0.0, order, Turn(order, entry, host, 1)))
            self._open += 1
        for name in self._hosts:
            self._list(name)

    def take(self) -> Turn | None:
        """Wait for the next row that may be asked; None when all are done or the run ends."""
        with self._changed:
            while self._open and not self._ended:
                now = time.monotonic()
                if not self._heap or self._heap[0][0] > now:
                    self._changed.wait(self._heap[0][0] - now if self._heap else None)
                    continue
                listed_at, name = heapq.heappop(self._heap)
                host = self._hosts[name]
                if listed_at != host.listed_at:
                    continue  # was listed again, for an earlier time
                host.listed_at = None
                if host.next_at() <= now:
                    *_, turn = heapq.heappop(host.waiting)
                    host.active += 1
                    host.free_at = now + self._delay
                    self._list(name)
                    return turn
                self._list(name)  # was asked to wait since
        return None

    def finish(self, turn: Turn) -> None:
        """Note that a row is done."""
        with self._changed:
            self._open -= 1
            self._leave(turn.host)

    def again(self, turn: Turn, *, wait: float, whole_host: bool) -> None:
        """Note that a row is to be asked once more, after some seconds; `whole_host` lets all of its host wait."""
        with self._changed:
            host, due = self._hosts[turn.host], time.monotonic() + wait
            if whole_host:
                host.free_at = max(host.free_at, due)
            heapq.heappush(host.waiting, (due, turn.order, turn._replace(attempt=turn.attempt + 1)))
            self._leave(turn.host)

    def end(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _leave(self, name: str) -> None:
        self._hosts[name].active -= 1
        self._list(name)
        self._changed.notify_all()

    def _list(self, name: str) -> None:
        """Put a host among those that may be next, once, or earlier than it stands there."""
        host = self._hosts[name]
        if host.waiting and host.active < self._per_host:
            at = host.next_at()
            if host.listed_at is None or at < host.listed_at:
                host.listed_at = at
                heapq.heappush(self._heap, (at, name))
