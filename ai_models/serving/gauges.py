"""How the service holds, for Prometheus: workers, what waits for them, what is held."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ai_models.serving.lifecycle import Lifecycle

__all__ = ["Gauges"]


class Gauges(Collector):
    """Looks at a lifecycle when it is asked.

    Parameters
    ----------
    lifecycle
        Of the service.
    """

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        now = self._lifecycle
        for name, text, value in (
            ("amulet_ready", "1 where images may be sent.", not now.not_ready_because),
            ("amulet_workers", "Processes that are there to judge images.", now.workers),
            ("amulet_images_waiting", "Images that wait for a worker.", now.waiting),
            ("amulet_body_bytes", "Bytes of requests that are held.", now.bodies.held),
            ("amulet_reload_failed", "1 where the last change of the model failed.", bool(now.trouble)),
        ):
            gauge = GaugeMetricFamily(name, text)
            gauge.add_metric([], float(value))
            yield gauge
        lost = CounterMetricFamily("amulet_workers_lost", "Workers that ended, or were killed for taking too long.")
        lost.add_metric([], float(now.lost))
        yield lost
