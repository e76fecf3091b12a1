"""From start to stop: the model is loaded, changed for a new one on demand, and left when all is answered."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import joblib

from ai_models.core.errors import AmuletError, BundleError
from ai_models.core.logs import get_logger
from ai_models.serving.limits import Bodies
from ai_models.serving.predictor import Predictor
from ai_models.serving.problems import Problem
from ai_models.serving.refusals import busy
from ai_models.serving.settings import ServiceSettings
from ai_models.serving.signals import heard
from ai_models.serving.watch import Watched
from ai_models.serving.workers.nursery import Nursery
from ai_models.serving.workers.place import Limits
from ai_models.serving.workers.workforce import Workforce, nursery_for

__all__ = ["Lifecycle"]

_log = get_logger(__name__)
_TOGETHER = 4
"""Images that one worker judges at once where they wait anyway: each then costs a fifth less."""


class Lifecycle:
    """What the service has of its workers, and whether it may be asked.

    Parameters
    ----------
    settings
        How to hold.

    Attributes
    ----------
    on_loaded
        Called with the version of each model that comes into use.
    bodies
        What is held of requests.
    failure
        Why the service did not start.
    trouble
        Why the last reload did not succeed, a sentence; empty where it did.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.bodies = Bodies(settings.held_limit())
        self.failure: Exception | None = None
        self.trouble = ""
        self.on_loaded: Callable[[str], object] = str
        self._workforce: Workforce | None = None
        self._predictor: Predictor | None = None
        self._stopping = False
        self._directory = Path()
        self._reloads: set[asyncio.Task[None]] = set()

    @property
    def predictor(self) -> Predictor | None:
        """What routes ask; None where there is none yet, or no longer."""
        return self._predictor

    @property
    def not_ready_because(self) -> str:
        """Why no request should be sent here now, a clause; empty where one may."""
        if self._stopping:
            return "the service stops"
        if self._workforce is None or self._predictor is None:
            return "no model is loaded"
        if not self._workforce.ready:
            return "no worker is there"
        return ""

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that work for the service."""
        return self._workforce.pids if self._workforce is not None else ()

    @property
    def standing(self) -> str:
        """Why the model in use was opened: ``signed``, ``local`` or ``unsigned``."""
        return str(self._workforce.about.get("standing", "")) if self._workforce is not None else ""

    @property
    def workers(self) -> int:
        """How many workers are there to judge."""
        return self._workforce.ready if self._workforce is not None else 0

    @property
    def waiting(self) -> int:
        """How many images wait for a worker."""
        return self._workforce.waiting if self._workforce is not None else 0

    @property
    def lost(self) -> int:
        """How many workers were lost, or killed for taking too long."""
        return self._workforce.lost if self._workforce is not None else 0

    def refusal(self) -> Problem | None:
        """Return the problem with which a question is refused before its body is read; None where it may be asked."""
        if self._workforce is not None and self._workforce.full:
            return busy(self._workforce.seconds)
        return None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the model before, and end all workers after.

        Raises
        ------
        Exception
            When there is no usable model; it is kept in `failure`.
        """
        count = self.settings.workers or int(joblib.cpu_count())
        workforce = Workforce(Limits(count, self.settings.queue, self.settings.time_limit, _TOGETHER))
        try:
            self._directory = self.settings.model_directory()
            if not (self._directory / "bundle.json").is_file():
                place = f"'{self._directory}' is not a model directory (no bundle.json)"
                raise BundleError(f"{place}: give the folder that training wrote")
            watched = Watched(self._directory)
            await workforce.employ(self._nursery())
        except BaseException as error:
            self.failure = error if isinstance(error, Exception) else None
            await workforce.close()
            raise
        self._workforce, self._predictor = workforce, Predictor(workforce, self.settings.max_bytes)
        self.on_loaded(self._predictor.version)
        looking = asyncio.create_task(self._look(watched))
        try:
            with heard(self.stop, self._reload_soon):
                yield
        finally:
            self._stopping = True
            looking.cancel()
            self._predictor = None
            for task in self._reloads:
                task.cancel()
            await asyncio.gather(looking, *self._reloads, return_exceptions=True)
            await workforce.close()

    def stop(self) -> None:
        """Be ready no more; what is not answered in time is told that the service stops."""
        if not self._stopping:
            self._stopping = True
            _log.info("the service stops: what was asked is answered first")
            asyncio.get_running_loop().call_later(self.settings.stop_seconds, self._abandon)

    async def reload(self) -> None:
        """Take the model that lies in the model directory now; one that cannot be used leaves the old one answering."""
        assert self._workforce is not None
        assert self._predictor is not None
        try:
            await self._workforce.employ(self._nursery())
        except Exception as error:
            self.trouble = f"the model was not changed: {error}"
            _log.error("%s", self.trouble, exc_info=None if isinstance(error, AmuletError) else error)
            return
        self.trouble = ""
        self.on_loaded(self._predictor.version)
        _log.info("model %s is in use", self._predictor.version)

    def _nursery(self) -> Nursery:
        # the place that a link points to now: what is loaded comes from one directory
        directory = os.path.realpath(self._directory)
        settings = self.settings
        trust = (settings.trusted_key, settings.minimum_version, settings.allow_unsigned)
        return nursery_for({"model_dir": directory, "max_pixels": settings.max_pixels, "trust": trust})

    def _reload_soon(self) -> None:
        if not self._stopping:
            task = asyncio.get_running_loop().create_task(self.reload())
            self._reloads.add(task)
            task.add_done_callback(self._reloads.discard)

    async def _look(self, watched: Watched) -> None:
        while self.settings.watch_seconds > 0:
            await asyncio.sleep(self.settings.watch_seconds)
            if await asyncio.to_thread(watched.changed):
                _log.info("the model directory has changed")
                await self.reload()

    def _abandon(self) -> None:
        self.bodies.stop()
        if self._workforce is not None:
            self._workforce.abandon()
