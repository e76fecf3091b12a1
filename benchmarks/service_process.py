"""A service as a process of its own, and what it and its workers use, as /proc tells."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
HEADS = "x-load-id"
"""The header that names a request; the service writes it down when the application gets the request."""


class Service:
    """A running service.

    Attributes
    ----------
    process
        Its front.
    port
        On 127.0.0.1.
    heads
        File with a line for each head that the application has read; None where they are not written down.
    """

    def __init__(self, process: subprocess.Popen[str], port: int, heads: Path | None) -> None:
        self.process = process
        self.port = port
        self.heads = heads

    def pids(self) -> list[int]:
        """Return the front and all processes below it."""
        found = [self.process.pid]
        for pid in found:
            try:
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
            except OSError:
                continue
            found += map(int, children)
        return found

    def cpu_seconds(self) -> float:
        """Return the processor time of all of them, those that were waited for included."""
        return sum(_cpu(pid) for pid in self.pids())

    def memory_mb(self, kind: str = "Pss_Anon") -> float:
        """Return the memory of all of them in MiB, what they share counted once.

        Parameters
        ----------
        kind
            ``Pss_Anon``: what they have written to. ``Pss``: also their share of the pages of libraries' files, which
            grows when other programs of the machine that use the same libraries end.
        """
        return sum(_memory(pid, kind) for pid in self.pids()) / 1024

    def accepted(self) -> set[str]:
        """Return the names of the requests whose head the application has read."""
        return set(self.heads.read_text(encoding="ascii").split()) if self.heads is not None else set()


@contextmanager
def service(
    model: Path, *, by_name: bool = False, heads: bool = False, port: int = 0, **settings: object
) -> Iterator[Service]:
    """Start a service, and end it.

    Parameters
    ----------
    model
        Model directory.
    by_name
        Whether ``uvicorn`` starts the application, rather than ``amulet-ai serve``.
    heads
        Whether heads are written down.
    port
        0 for a free one.
    settings
        Of `ServiceSettings`.
    """
    variables = {f"AMULET_AI_{name.upper()}": str(value) for name, value in settings.items()}
    kept = ("AMULET_AI_TRUST", "AMULET_AI_ALLOW_UNSIGNED")  # which models may be opened stays as the user has set it
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AMULET_AI_") or k.startswith(kept)}
    environment |= variables
    environment |= {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "benchmarks")])}
    environment |= {"AMULET_AI_MODEL_DIR": str(model), "AMULET_AI_RATE_LIMIT": "10000000"}
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "heads")
        if heads:
            file.touch()
            environment["LOAD_HEADS"] = str(file)
        if by_name:
            command = ["-m", "uvicorn", "service_heads:app", "--port", str(port)]
        else:
            command = [str(ROOT / "benchmarks" / "service_heads.py"), "serve", "--port", str(port)]
        process = subprocess.Popen(
            [sys.executable, *command], env=environment, cwd=place, text=True,
            stdout=subprocess.DEVNULL if by_name else subprocess.PIPE,
            stderr=subprocess.PIPE if by_name else None,
        )  # fmt: skip
        stream = process.stderr if by_name else process.stdout
        assert stream is not None
        try:
            yield Service(process, _port(stream), file if heads else None)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            stream.close()


def _port(lines: Sequence[str] | Iterator[str]) -> int:
    for line in lines:
        found = re.search(r"http://[^:\s]+:(\d+)", line)
        if found:
            return int(found[1])
    raise RuntimeError("the service did not start")


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS  # its own, and of those that it has waited for


def _memory(pid: int, kind: str) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return int(next(line for line in text.splitlines() if line.startswith(f"{kind}:")).split()[1])
