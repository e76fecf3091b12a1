"""Whose turn it is, with the clock turned by hand."""

from __future__ import annotations

import threading

import pytest

from ai_models.downloading import Entry
from ai_models.downloading.agenda import Agenda


class _Clock:
    now = 100.0


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves only when somebody would wait."""
    monkeypatch.setattr("ai_models.downloading.agenda.time.monotonic", lambda: _Clock.now)
    _Clock.now = 100.0

    def wait(self, timeout=None):
        assert timeout is not None, "would wait for ever"
        _Clock.now += timeout

    monkeypatch.setattr(threading.Condition, "wait", wait)
    return _Clock


def _agenda(*names, per_host=1, delay=0.0):
    rows = [(name[0], Entry(name, "a", {})) for name in names]
    return Agenda(rows, per_host=per_host, delay=delay)


def test_a_host_that_is_full_lets_others_go_first(clock):
    agenda = _agenda("a1", "a2", "b1")
    first, second = agenda.take(), agenda.take()
    assert [first.entry.url, second.entry.url] == ["a1", "b1"]
    agenda.finish(first)
    assert agenda.take().entry.url == "a2"
    assert clock.now == 100


def test_starts_of_one_host_are_apart(clock):
    agenda = _agenda("a1", "a2", "a3", per_host=3, delay=2.0)
    times = []
    for _ in range(3):
        agenda.take()
        times.append(clock.now)
    assert times == [100, 102, 104]


def test_a_retry_waits_without_holding_up_its_host(clock):
    agenda = _agenda("a1", "a2")
    agenda.again(agenda.take(), wait=10, whole_host=False)
    second = agenda.take()
    assert (second.entry.url, second.attempt, clock.now) == ("a2", 1, 100)
    agenda.finish(second)
    again = agenda.take()
    assert (again.entry.url, again.attempt, clock.now) == ("a1", 2, 110)


def test_a_busy_host_is_left_alone_as_a_whole(clock):
    agenda = _agenda("a1", "a2", "b1")
    agenda.again(agenda.take(), wait=10, whole_host=True)
    assert (agenda.take().entry.url, clock.now) == ("b1", 100)
    assert agenda.take().entry.url in ("a1", "a2")
    assert clock.now == 110


def test_a_sooner_retry_overtakes_a_later_one(clock):
    agenda = _agenda("a1", "a2", per_host=2)
    late, soon = agenda.take(), agenda.take()
    agenda.again(late, wait=30, whole_host=False)
    agenda.again(soon, wait=5, whole_host=False)
    assert (agenda.take().entry.url, clock.now) == ("a2", 105)
    assert (agenda.take().entry.url, clock.now) == ("a1", 130)


def test_it_ends_when_all_are_done_or_when_it_is_told_to(clock):
    agenda = _agenda("a1")
    agenda.finish(agenda.take())
    assert agenda.take() is None
    agenda = _agenda("a1", "a2")
    agenda.end()
    assert agenda.take() is None


def test_every_row_is_handed_out_once_to_many_threads():
    rows = [(f"h{i % 7}", Entry(str(i), "a", {})) for i in range(2_000)]
    agenda = Agenda(rows, per_host=2, delay=0.0)
    seen, lock = [], threading.Lock()

    def work():
        while (turn := agenda.take()) is not None:
            if turn.order % 5 == 0 and turn.attempt == 1:
                agenda.again(turn, wait=0.001, whole_host=turn.order % 2 == 0)
                continue
            with lock:
                seen.append((turn.order, turn.attempt))
            agenda.finish(turn)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert sorted(seen) == [(i, 2 if i % 5 == 0 else 1) for i in range(2_000)]
