"""Run one function over many items, in order, on threads or processes; every library's own threads are set here.

An engine that is in use (`ai_models.cluster`) takes over what would run on processes.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Generic, Literal, Protocol, TypeVar

import cv2
import joblib
from threadpoolctl import ThreadpoolController

from ai_models.core.errors import ConfigError
from ai_models.core.progress import progress

__all__ = [
    "Backend",
    "Engine",
    "engine_in_use",
    "handing_over",
    "map_ordered",
    "one_torch_thread",
    "single_threaded_libraries",
    "worker_count",
]

T = TypeVar("T")
R = TypeVar("R")

Backend = Literal["threads", "processes"]
_BACKENDS = ("threads", "processes")
_AHEAD = 4  # tasks in flight a worker: enough that none waits for the one that is slow, few enough to bound memory
_CHUNK = 16  # most items that one message to another process carries
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Engine(Protocol):
    """Processes elsewhere, which take over what `map_ordered` would run on processes of this machine."""

    def map(self, fn: Callable[[T], R], items: Iterable[T], *, total: int | None) -> Iterator[R]:
        """Yield ``fn(item)`` for each item, in order, computed with every library at one thread."""


_ENGINES: list[Engine] = []


@contextlib.contextmanager
def handing_over(engine: Engine) -> Iterator[None]:
    """Let an engine take over within; of several the last. It is a setting of the whole process."""
    _ENGINES.append(engine)
    try:
        yield
    finally:
        _ENGINES.remove(engine)


def engine_in_use() -> Engine | None:
    """Return the engine that work is handed over to; None where it stays on this machine."""
    return _ENGINES[-1] if _ENGINES else None


def worker_count(workers: int) -> int:
    """Return how many workers to start.

    Parameters
    ----------
    workers
        The number asked for; 0 for one a core that this process may use (affinity and container limits count).

    Raises
    ------
    ConfigError
        When it is negative.
    """
    if workers < 0:
        raise ConfigError([f"workers must be at least 0 (0 = one a core), got {workers}"])
    return workers or int(joblib.cpu_count())


class _Libraries:
    """The thread pools that this process has loaded, looked for again only where modules were imported since.

    Looking takes milliseconds, more than all that follows the features of one image; setting takes microseconds.
    """

    def __init__(self) -> None:
        self._known: tuple[int, ThreadpoolController] | None = None

    def controller(self) -> ThreadpoolController:
        known = self._known
        if known is None or known[0] != len(sys.modules):
            self._known = known = len(sys.modules), ThreadpoolController()
        return known[1]


_LIBRARIES = _Libraries()


class _Limits:
    """One thread for cv2 and BLAS while anybody is inside; both are settings of the whole process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._cv2_threads = 0
        self._limiter: Any = None

    def enter(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._cv2_threads = cv2.getNumThreads()
                cv2.setNumThreads(1)
                self._limiter = _LIBRARIES.controller().limit(limits=1)
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                if self._limiter is not None:
                    self._limiter.restore_original_limits()
                    self._limiter = None
                cv2.setNumThreads(self._cv2_threads)


_LIMITS = _Limits()


@contextlib.contextmanager
def single_threaded_libraries() -> Iterator[None]:
    """Keep OpenCV, BLAS and OpenMP at one thread within, so that results do not depend on thread counts.

    May be nested and entered from several threads at once: the first in sets the limits, the last out restores
    what was there before.
    """
    _LIMITS.enter()
    try:
        yield
    finally:
        _LIMITS.leave()


_TORCH = threading.Lock()


@contextlib.contextmanager
def one_torch_thread(torch: Any) -> Iterator[None]:
    """Keep torch at one thread within; whoever else wants that waits, for its number of threads is the process's."""
    with _TORCH:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def map_ordered(
    fn: Callable[[T], R],
    items: Iterable[T],
    *,
    workers: int,
    backend: Backend = "threads",
    label: str = "",
    unit: str = "img",
    total: int | None = None,
) -> Iterator[R]:
    """Yield ``fn(item)`` for each item, in the order of the items, computed on several workers.

    What would run on processes goes to the engine that is in use, if any, which has its own number of workers.

    Items are drawn only a few ahead of what is consumed, so neither they nor the results pile up. Within the
    workers (and in the consumer, while it iterates) every numeric library runs on one thread.

    Parameters
    ----------
    fn
        What to run. For processes it is pickled (closures are allowed, open files are not).
    items
        What to run it on; may be a generator.
    workers
        Number of workers, 0 for one a core. With 1 everything runs in the caller's thread.
    backend
        ``"threads"`` for work that releases the GIL (decoding, OpenCV, NumPy); ``"processes"`` for pure Python
        (joblib's loky).
    label
        What is being done; shows a progress bar when given.
    unit
        What one item is, on the bar.
    total
        Number of items where `items` has no length.

    Yields
    ------
    R
        The results, in input order.

    Raises
    ------
    ConfigError
        When `workers` or `backend` is out of its range.
    Exception
        Whatever `fn` raises, at its item's turn; what waits is then cancelled and the workers are stopped.
    """
    if backend not in _BACKENDS:
        raise ConfigError([f"backend must be one of {', '.join(_BACKENDS)}, got {backend!r}"])
    count = worker_count(workers)
    if total is None and isinstance(items, Sized):
        total = len(items)
    if total is not None:
        count = max(1, min(count, total))
    engine = engine_in_use()
    if engine is not None and backend == "processes":
        results = engine.map(fn, items, total=total)
    elif count == 1:
        results = _in_turn(fn, items)
    elif backend == "threads":
        results = _on_threads(fn, items, count)
    else:
        results = _on_processes(fn, items, count, total)
    return progress(results, total=total, label=label, unit=unit) if label else results


def _in_turn(fn: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    with single_threaded_libraries():
        for item in items:
            yield fn(item)


def _on_threads(fn: Callable[[T], R], items: Iterable[T], count: int) -> Iterator[R]:
    with single_threaded_libraries():
        # OpenMP keeps its limit for each thread, so the workers set their own
        controller = _LIBRARIES.controller()
        pool = ThreadPoolExecutor(count, "map", initializer=lambda: controller.limit(limits=1, user_api="openmp"))
        try:
            yield from _windowed(pool, fn, items, count * _AHEAD)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _on_processes(fn: Callable[[T], R], items: Iterable[T], count: int, total: int | None) -> Iterator[R]:
    from joblib.externals.loky import get_reusable_executor

    size = _CHUNK if total is None else max(1, min(_CHUNK, total // (count * _AHEAD)))
    with single_threaded_libraries():
        pool = get_reusable_executor(
            count, timeout=60, initializer=_one_thread_process, initargs=(os.getpid(),), env=_ONE_THREAD
        )
        try:
            for results in _windowed(pool, _Chunked(fn), _chunks(items, size), count * 2):
                yield from results
        except (KeyboardInterrupt, SystemExit):
            pool.shutdown(wait=True, kill_workers=True)
            raise


def _windowed(pool: Executor, fn: Callable[[T], R], items: Iterable[T], window: int) -> Iterator[R]:
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(fn, item))
            if len(waiting) >= window:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    stream = iter(items)
    while chunk := list(itertools.islice(stream, size)):
        yield chunk


class _Chunked(Generic[T, R]):
    """The function over a list of items; a class, so that it pickles by reference."""

    def __init__(self, fn: Callable[[T], R]) -> None:
        self.fn = fn

    def __call__(self, chunk: list[T]) -> list[R]:
        return [self.fn(item) for item in chunk]


def _one_thread_process(parent: int) -> None:
    os.environ.update(_ONE_THREAD)
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this worker when the process that it works for was killed and cannot stop it any more."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
