"""The process that loads the model once, and forks a worker whenever the service asks for one.

Over the control socket (which keeps messages apart) the service sends ``fork ROLE`` together with the worker's end of
a new line, which is answered with the worker's number, and ``reap PID`` once that line has ended, which is answered
with how it ended. Until then the number is that of the worker and of nobody else, so the service can kill by it.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import warnings
from collections.abc import Callable
from typing import NoReturn

from ai_models.serving.workers.offspring import come_after, die_with
from ai_models.serving.workers.work import Program, ignore_signals, loaded, work

__all__ = ["run_template"]

_LONGEST = 64


def run_template(load: Callable[[], Program], control: int) -> NoReturn:
    """Load the model, say what it is, and fork until the service is gone.

    Parameters
    ----------
    load
        Gives what the workers do; what it raises is told to the service.
    control
        File descriptor of the control socket.
    """
    ignore_signals()
    come_after()
    line = socket.socket(fileno=control)
    die_with(os.getppid())
    program, failure = loaded(load)
    if program is None:
        line.send(json.dumps(failure).encode("ascii"))
        os._exit(1)
    line.send(json.dumps({"pid": os.getpid(), **program.about()}).encode("ascii"))
    gc.collect()
    gc.freeze()  # the collector would otherwise write to, and so copy, every page that is shared
    while True:
        message, descriptors, _, _ = socket.recv_fds(line, _LONGEST, 1)
        if not message:
            os._exit(0)  # and the workers with it
        order, _, argument = message.decode("ascii").partition(" ")
        if order == "fork":
            _fork(program, argument.encode("ascii"), line, descriptors[0])
        else:
            line.send(str(_status(int(argument))).encode("ascii"))


def _fork(program: Program, role: bytes, line: socket.socket, descriptor: int) -> None:
    parent = os.getpid()
    with warnings.catch_warnings():
        # of forking where there are threads: libraries keep some that sleep and hold no lock
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        os.close(descriptor)
        line.send(str(pid).encode("ascii"))
        return
    line.close()
    die_with(parent)
    to_service = socket.socket(fileno=descriptor)
    work(program, role, to_service.makefile("rb"), to_service.makefile("wb"))


def _status(pid: int) -> int:
    """Return how a worker that was seen to end did so, as `os.waitstatus_to_exitcode` says it."""
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:
        return 0
