"""Workers that obey, in pools of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ai_models.serving.workers.nursery import ForkingNursery
from ai_models.serving.workers.place import Limits
from ai_models.serving.workers.spawning import SpawningNursery
from ai_models.serving.workers.workforce import Workforce

KINDS = {"forked": ForkingNursery, "alone": SpawningNursery}


@pytest.fixture(autouse=True)
def _obedient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))


@pytest.fixture
def nursery(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Make a nursery: of forked workers, or of the kind that the test is parametrised with."""
    kind = KINDS[getattr(request, "param", "forked")]
    return lambda **what: kind(what, "obedient")


@pytest.fixture
def talk(nursery: Callable[..., Any]) -> Callable[..., Any]:
    """Run a talk with a workforce that is there, and see that nobody is left of it."""

    @asynccontextmanager
    async def working(limits: Limits, **what: Any) -> AsyncIterator[Workforce]:
        force = Workforce(limits)
        await force.employ(nursery(**what))
        try:
            yield force
        finally:
            there = force.pids
            await force.close()
            assert there
            assert not [pid for pid in there if _runs(pid)]

    def run(talk: Callable[[Workforce], Awaitable[Any]], *, workers: int = 2, queue: int = 32, seconds: float = 10.0,
            together: int = 1, **what: Any) -> Any:  # fmt: skip
        async def whole() -> Any:
            async with working(Limits(workers, queue, seconds, together), **what) as force:
                return await talk(force)

        return asyncio.run(whole())

    return run


def _runs(pid: int) -> bool:
    """Whether a process is there, and not only its number; one that was killed may take a moment."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state in "ZX":
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def runs() -> Callable[[int], bool]:
    """Whether a process is there."""
    return _runs
