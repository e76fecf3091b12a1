"""Memory and processor time of the service and of all who work for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

__all__ = ["Usage"]


class Usage(Collector):
    """What the processes of one service use, together; a collector for Prometheus.

    Memory that workers share with the process that they were forked from is counted once, where the system tells
    (Linux): each process's proportional share.

    Parameters
    ----------
    pids
        Gives the processes beside this one.
    """

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids
        self._own = psutil.Process()
        self._most = 0.0
        self._before = time.monotonic(), self.cpu_seconds()

    def memory_bytes(self) -> int:
        """Return the memory that they hold."""
        return sum(_memory(process) for process in self._processes())

    def cpu_seconds(self) -> float:
        """Return the processor time that they have used, those that have ended included; it never falls."""
        own = os.times()
        spent = own.user + own.system + own.children_user + own.children_system
        for process in self._processes():
            if process.pid != self._own.pid:
                try:
                    times = process.cpu_times()
                except psutil.Error:
                    continue
                spent += times.user + times.system + times.children_user + times.children_system
        self._most = max(spent, self._most)
        return self._most

    def cpu_percent(self) -> float:
        """Return the processor time used since the call before, in percent of one core."""
        now, spent = time.monotonic(), self.cpu_seconds()
        (then, before), self._before = self._before, (now, spent)
        return 100 * (spent - before) / max(now - then, 1e-3)

    def _processes(self) -> Iterator[psutil.Process]:
        yield self._own
        for pid in self._pids():
            try:
                yield psutil.Process(pid)
            except psutil.Error:  # it has just ended
                continue

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics under the names that Prometheus' clients use for one process."""
        cpu = CounterMetricFamily("process_cpu_seconds", "Processor time of the service and its workers.")
        cpu.add_metric([], self.cpu_seconds())
        yield cpu
        memory = GaugeMetricFamily("process_resident_memory_bytes", "Memory of the service and its workers.")
        memory.add_metric([], self.memory_bytes())
        yield memory
        start = GaugeMetricFamily("process_start_time_seconds", "When the service was started, Unix time.")
        start.add_metric([], self._own.create_time())
        yield start
        if hasattr(self._own, "num_fds"):
            files = GaugeMetricFamily("process_open_fds", "Files and connections that the service has open.")
            files.add_metric([], self._own.num_fds())
            yield files


def _memory(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
        return int(getattr(full, "pss", 0) or full.rss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
