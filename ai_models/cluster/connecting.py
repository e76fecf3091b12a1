"""``--engine`` and ``--scheduler``: connect, or start workers here; see that they would give the same results."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

from ai_models.cluster.dask_cluster import Cluster
from ai_models.cluster.environment import differences, environment, processor
from ai_models.cluster.sharing import SharedFolder, answer
from ai_models.core.errors import ClusterError
from ai_models.core.logs import get_logger
from ai_models.core.optional import require
from ai_models.core.settings import ComputeConfig
from ai_models.execution import engine_in_use, handing_over, worker_count

__all__ = ["cluster_in_use", "computing"]

_CONNECT, _WORKERS = 10, 30  # seconds that a scheduler has to answer, and the first worker to be there

_log = get_logger(__name__)


@contextlib.contextmanager
def computing(config: ComputeConfig, *, shared: str | os.PathLike[str], workers: int = 0) -> Iterator[Cluster | None]:
    """Compute features and fits where the settings say, within.

    Parameters
    ----------
    config
        This machine, or a Dask cluster.
    shared
        Folder that every machine of the cluster sees under this path: that of the feature cache.
    workers
        Processes to start where no scheduler is named; 0 for one a core.

    Raises
    ------
    ClusterError
        When the scheduler cannot be reached, has no worker, or a worker differs in versions or does not share the
        folder.
    """
    if config.engine == "local":
        yield None
        return
    distributed = require("distributed", extra="dask", purpose="--engine dask")
    with contextlib.ExitStack() as stack:
        address = config.scheduler
        if not address:
            started = distributed.LocalCluster(
                n_workers=worker_count(workers), threads_per_worker=1, processes=True, dashboard_address=None
            )
            address = stack.enter_context(started).scheduler_address
        client = stack.enter_context(contextlib.closing(_connected(distributed, address)))
        folder = SharedFolder(shared)
        stack.callback(folder.remove)
        _check(client, folder)
        stack.enter_context(handing_over(cluster := Cluster(client, folder)))
        yield cluster


def cluster_in_use() -> Cluster | None:
    """Return the cluster that work is handed over to; None where it stays on this machine."""
    engine = engine_in_use()
    return engine if isinstance(engine, Cluster) else None


def _connected(distributed: Any, address: str) -> Any:
    try:
        client = distributed.Client(address, timeout=_CONNECT, set_as_default=False)
    except (OSError, ValueError, TypeError, ImportError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at '{address}' ({_first_line(error)}): "
            "start one with 'dask scheduler', or check the address"
        ) from error
    try:
        client.wait_for_workers(1, timeout=_WORKERS)
    except TimeoutError as error:
        client.close()
        raise ClusterError(
            f"the Dask scheduler at '{address}' has no worker: start one with 'dask worker {address} --nthreads 1'"
        ) from error
    return client


def _check(client: Any, folder: SharedFolder) -> None:
    """Refuse a cluster on which a worker would compute something else, or could not share what it computed."""
    found = _of_each_worker(client, environment)
    for worker, there in found.items():
        unlike = differences(there)
        if unlike:
            raise ClusterError(
                f"worker '{worker}' would not give the results of this machine: it has {'; '.join(unlike)}: "
                "install the same versions everywhere"
            )
    here = processor()
    others = {worker: kind for worker, kind in _of_each_worker(client, processor).items() if kind != here}
    if others:
        worker, kind = next(iter(others.items()))
        _log.warning(
            "worker '%s' has another kind of processor (%s, here %s): results may differ in their last digits",
            worker, kind, here,
        )  # fmt: skip
    for worker, said in _of_each_worker(client, answer, str(folder.path), folder.word).items():
        folder.require_answer(worker, said)


def _of_each_worker(client: Any, function: Any, *arguments: Any) -> Mapping[str, Any]:
    said = client.run(function, *arguments, on_error="return")
    for worker, value in said.items():
        if isinstance(value, (ImportError, AttributeError)):
            raise ClusterError(
                f"worker '{worker}' has no amulet-ai like that of this machine ({_first_line(value)}): install it there"
            ) from value
        if isinstance(value, BaseException):
            raise ClusterError(f"worker '{worker}' could not be asked ({_first_line(value)}): see its log") from value
    return dict(said)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
