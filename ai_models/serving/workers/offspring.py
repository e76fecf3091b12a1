"""What ties a process to the one that it works for, and what sets it below it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time

__all__ = ["come_after", "die_with", "expendable"]

_PR_SET_PDEATHSIG = 1
_FIRST_TO_GO = 500
_AFTER = 5


def die_with(parent: int) -> None:
    """End this process when its parent does, whatever it is doing then.

    Parameters
    ----------
    parent
        The number of the process that it works for.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was gone before
            os._exit(1)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def expendable() -> None:
    """Let the system take this process, not the service, where memory runs out."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write(str(_FIRST_TO_GO))


def come_after() -> None:
    """Leave the processor to the service where it wants it.

    With both cores busy and three times the load that they can bear, 99 of 100 refusals then took at most 38 ms, and
    153 ms without (``benchmarks/service_load.py overload``, 40 s each).
    """
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):  # a hardened unit may forbid it, and the service works without
            os.nice(max(0, _AFTER - os.nice(0)))
