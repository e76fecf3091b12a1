"""Work on the workers of a Dask cluster: in order, bounded ahead, a lost worker's tasks done again by another."""

from __future__ import annotations

import contextlib
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from functools import partial
from typing import Any, TypeVar

import joblib

from ai_models.cluster.environment import environment, require_same
from ai_models.cluster.sharing import SharedFolder, unpack, unpack_file
from ai_models.core.errors import ClusterError
from ai_models.core.logs import get_logger
from ai_models.execution import single_threaded_libraries

__all__ = ["Cluster"]

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 3  # tasks in flight a thread of the cluster: none waits for the client, and results stay few
_PATIENCE = 15.0  # seconds of silence after which it is looked whether anybody works at all

_log = get_logger(__name__)


class Cluster:
    """The workers behind a Dask client, as an engine of `ai_models.execution`.

    Parameters
    ----------
    client
        A connected `distributed.Client`.
    folder
        What its machines and this one share.
    """

    def __init__(self, client: Any, folder: SharedFolder) -> None:
        self.client = client
        self.folder = folder

    @property
    def threads(self) -> int:
        """How many tasks run at once."""
        return max(1, self._threads_there())

    def _threads_there(self) -> int:
        try:
            return int(sum(self.client.ncores().values()))
        except OSError as error:
            raise _lost() from error

    def map(self, fn: Callable[[T], R], items: Iterable[T], *, total: int | None) -> Iterator[R]:
        """Yield ``fn(item)`` in order, through joblib's Dask backend; arrays of a MB and more are written once."""
        parallel = joblib.Parallel(
            backend=_backend(self.client),
            n_jobs=-1,
            batch_size=1,
            pre_dispatch=_AHEAD * self.threads,
            return_as="generator",
        )
        waiting: deque[int] = deque()
        calls = self._calls(fn, items, waiting)
        with _explained():
            try:
                for answer in parallel(calls):
                    if not isinstance(answer, _Answer):  # joblib hands on what became of a task that was lost
                        raise _gave_up(answer)
                    waiting.popleft()
                    yield answer.value
                if waiting or next(calls, None) is not None:  # and ends as if it were done when the client closes
                    raise _gave_up("no answer")
            finally:
                self.folder.forget()

    def _calls(self, fn: Callable[[T], R], items: Iterable[T], waiting: deque[int]) -> Iterator[Any]:
        place, here = str(self.folder.path), environment()
        for number, item in enumerate(items):
            waiting.append(number)
            yield joblib.delayed(_compute)(self.folder.pack((fn, item)), place, here)

    def map_holding(self, fn: Callable[[Any, T], R], held: Any, items: Iterable[T]) -> Iterator[R]:
        """Yield ``fn(held, item)`` in order; `held` is written once, and each worker reads and unpickles it once.

        Parameters
        ----------
        fn
            A function of a module, given what is held and an item.
        held
            What every call needs.
        items
            Small things, drawn a few ahead of what is consumed; a generator of any length.
        """
        call = partial(_compute_holding, fn, self.folder.pack_file(held), str(self.folder.path), environment())
        self.folder.forget()
        run = uuid.uuid4().hex
        waiting: deque[Any] = deque()  # a future that is let go is cancelled by Dask
        with _explained():
            for number, item in enumerate(items):
                waiting.append(self.client.submit(call, item, key=f"amulet-{run}-{number}", pure=False))
                if len(waiting) >= _AHEAD * self.threads:
                    yield self._result(waiting.popleft())
            while waiting:
                yield self._result(waiting.popleft())

    def _result(self, future: Any) -> Any:
        told = False
        while True:
            try:
                return future.result(timeout=_PATIENCE)
            except TimeoutError:
                if future.done():
                    raise
                if not told and not self._threads_there():
                    told = True
                    _log.warning("no worker is left on the cluster: waiting for one to come")


def _backend(client: Any) -> Any:
    from joblib._dask import DaskDistributedBackend

    class Elsewhere(DaskDistributedBackend):
        """Joblib's backend, also for a cluster of one thread, whose work joblib would do in this process."""

        def effective_n_jobs(self, n_jobs: int) -> int:
            return max(2, int(super().effective_n_jobs(n_jobs)))

    return Elsewhere(client=client)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Turn what Dask raises when a cluster breaks into a sentence."""
    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker

    try:
        yield
    except KilledWorker as error:
        raise ClusterError(
            "a task was given up after every worker that tried it was lost: look for too little memory on the workers"
        ) from error
    except (CancelledError, CommClosedError) as error:
        raise _lost() from error


def _lost() -> ClusterError:
    return ClusterError(
        "the scheduler of the cluster was lost: start again, what is in the feature cache is not computed again"
    )


def _gave_up(what: object) -> ClusterError:
    return ClusterError(f"the cluster gave up a task ({what!r}): look into its scheduler's log, and start again")


class _Answer:
    """A result, so that nothing else can be taken for one."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _compute(packed: bytes, folder: str, client: dict[str, str]) -> _Answer:
    require_same(client)
    fn, item = unpack(packed, folder)
    with single_threaded_libraries():
        return _Answer(fn(item))


_HELD: dict[str, Any] = {}


def _compute_holding(fn: Callable[[Any, T], R], name: str, folder: str, client: dict[str, str], item: T) -> R:
    require_same(client)
    held = _HELD.get(name)
    if held is None:
        held = unpack_file(name, folder)
        _HELD.clear()  # one at a time: it may hold networks
        _HELD[name] = held
    with single_threaded_libraries():
        return fn(held, item)
