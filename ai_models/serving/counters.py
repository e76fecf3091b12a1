"""What the service counts: for Prometheus at ``/metrics`` and for ``/health``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ai_models.core.logs import get_logger
from ai_models.serving.usage import Usage

__all__ = ["Counters", "RequestLog"]

_log = get_logger(__name__)
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0)


class Counters:
    """Counts of one application, in a registry of its own; changed in the event loop only.

    Parameters
    ----------
    pids
        Gives the processes that work for it.
    """

    def __init__(self, pids: Callable[[], Iterable[int]] = tuple) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "amulet_http_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self._verdicts = Counter(
            "amulet_predictions", "Images judged, by verdict.", ("verdict",), registry=self.registry
        )
        self._seconds = Histogram(
            "amulet_prediction_seconds", "From the last byte received to the answer.", buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self._model = Gauge("amulet_model_info", "1 for the model in use.", ("version",), registry=self.registry)
        self.usage = Usage(pids)
        self.registry.register(self.usage)
        self._started = time.monotonic()
        self._spent = 0.0
        self.predictions = 0

    def predicted(self, verdict: str, seconds: float) -> None:
        """Count an image that was judged."""
        self._verdicts.labels(verdict).inc()
        self._seconds.observe(seconds)
        self._spent += seconds
        self.predictions += 1

    def unreadable(self) -> None:
        """Count an image that could not be read."""
        self._verdicts.labels("unreadable").inc()

    def answered(self, method: str, route: str, status: int) -> None:
        """Count a request."""
        self._requests.labels(method, route, status).inc()

    def loaded(self, version: str) -> None:
        """Note the model in use."""
        self._model.clear()
        self._model.labels(version).set(1)

    @property
    def average_ms(self) -> float:
        """Mean time of a prediction in milliseconds; 0 before the first."""
        return 1000 * self._spent / self.predictions if self.predictions else 0.0

    @property
    def uptime_seconds(self) -> float:
        """Seconds since the counters were made."""
        return time.monotonic() - self._started

    @property
    def memory_mb(self) -> float:
        """Memory of the service and its workers in MiB."""
        return self.usage.memory_bytes() / 2**20

    def cpu_percent(self) -> float:
        """Return the processor time used since the call before, in percent of one core."""
        return self.usage.cpu_percent()

    def exposition(self) -> tuple[bytes, str]:
        """Return the Prometheus text and its media type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


class RequestLog:
    """ASGI middleware: counts each request and writes one line of log, without a word of its content.

    Parameters
    ----------
    app
        The application within.
    counters
        Where to count.
    """

    def __init__(self, app: ASGIApp, counters: Counters) -> None:
        self.app = app
        self.counters = counters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and look at the status of its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            # the route's own path, not the one that was asked for: names of unbounded number make no good label
            route = getattr(scope.get("route"), "path", "unknown")
            method = scope["method"] if route != "unknown" else "unknown"
            self.counters.answered(method, route, status)
            caller = scope.get("state", {}).get("caller")
            fields = {"method": method, "route": route, "status": status, "key": caller.name if caller else ""}
            ms = 1000 * (time.perf_counter() - start)
            _log.info("%s %s %d %.0f ms", method, route, status, ms, extra={"fields": {**fields, "ms": round(ms, 1)}})
