"""A real Dask cluster on this machine: ``dask scheduler`` and ``dask worker`` processes, to be killed at will."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
_PATIENCE = 60.0


class Processes:
    """A scheduler, and the workers that were added; they talk over TCP and log into a folder.

    Parameters
    ----------
    folder
        Becomes the working folder of all of them.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.workers: list[subprocess.Popen[bytes]] = []
        self._file = folder / "scheduler.json"
        self.scheduler = self._start(
            "dask_scheduler", "--port", "0", "--host", "127.0.0.1", "--idle-timeout", "300", code=ROOT
        )
        since = time.monotonic()
        while not (self._file.exists() and self._file.read_text()):
            if time.monotonic() - since > _PATIENCE:
                raise RuntimeError(f"the scheduler did not start: see its log in '{folder}'")
            time.sleep(0.05)

    @property
    def address(self) -> str:
        return str(json.loads(self._file.read_text())["address"])

    def add_worker(self, *, code: Path = ROOT) -> subprocess.Popen[bytes]:
        """Start a worker of one thread, which nobody restarts, with the package of a folder."""
        process = self._start(
            "dask_worker", "--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--death-timeout", "60",
            "--local-directory", str(self.folder), code=code,
        )  # fmt: skip
        self.workers.append(process)
        return process

    def close(self) -> None:
        """Kill all of them."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def _start(self, module: str, *arguments: str, code: Path) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": str(code), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-m", f"distributed.cli.{module}", "--scheduler-file", str(self._file)]
        with (self.folder / f"{module}-{len(self.workers)}.log").open("wb") as log:
            return subprocess.Popen(
                [*command, "--no-dashboard", *arguments], stdout=log, stderr=log, cwd=self.folder, env=environment
            )


@contextlib.contextmanager
def running(folder: Path, workers: int) -> Iterator[Processes]:
    """Run a cluster with a number of one-thread workers."""
    processes = Processes(folder)
    try:
        for _ in range(workers):
            processes.add_worker()
        yield processes
    finally:
        processes.close()
