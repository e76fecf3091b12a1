"""The service as a process: a bound port, uvicorn, a clean end."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import logging
import math
import os
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from ai_models.core.errors import AmuletError, ConfigError
from ai_models.serving.settings import ServiceSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from ai_models.serving.lifecycle import Lifecycle

__all__ = ["bind", "serve"]

_BACKLOG = 256
_SECONDS_MORE = 1  # than requests have to end: to send what was answered last


def serve(settings: ServiceSettings, *, ready: Callable[[str], None]) -> None:
    """Answer until SIGTERM or SIGINT; what is being answered then is finished first.

    Parameters
    ----------
    settings
        Model, address and limits.
    ready
        Called with the service's address once it answers.

    Raises
    ------
    AmuletError
        When the model cannot be used, or the address cannot be listened on.
    """
    settings = settings.replace(model_dir=os.fspath(settings.model_directory()))
    _require_keys(settings)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    with bind(settings.host, settings.port) as listening:  # before what takes seconds to import
        from ai_models.serving.admission.door import Door
        from ai_models.serving.app import create_app
        from ai_models.serving.audit import AuditTrail
        from ai_models.serving.logs import install

        Door(settings), AuditTrail(settings.audit_file)  # what cannot be used is told before anything starts
        install(settings.log_format)
        app = create_app(settings)
        server = _Server(_configured(app, settings), lambda: ready(_address(settings.host, listening)))
        with _told_once(app.state.lifecycle):
            server.run(sockets=[listening])


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens; the system queues who comes before the service answers.

    Raises
    ------
    ConfigError
        When the port is taken or not ours to take, or the host is not of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise ConfigError(
            [f"--host must be an address of this machine, got '{host}' ({error}): try 127.0.0.1"]
        ) from None
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would let two programs share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise ConfigError([_refusal(error, host, port)]) from None
    return listening


def _require_keys(settings: ServiceSettings) -> None:
    """Refuse to answer everyone who reaches an address, unless that was asked for."""
    host = settings.host
    if settings.keys_file or settings.allow_anonymous or host == "localhost":
        return
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise ConfigError(
            [
                f"other machines reach --host {host}, and there are no keys: make some with `amulet-ai keys create` "
                "and name their file with --keys-file, or add --allow-anonymous to answer everyone"
            ]
        )


def _configured(app: FastAPI, settings: ServiceSettings) -> uvicorn.Config:
    from ai_models.serving.connections import connections_within

    return uvicorn.Config(
        app,
        log_config=None,
        log_level=logging.getLogger("ai_models").getEffectiveLevel(),
        access_log=False,  # the application writes its own line, without addresses
        server_header=False,
        proxy_headers=False,  # whom to believe is a setting of the application
        lifespan="on",
        http=connections_within(settings),  # type: ignore[arg-type]
        ws="none",
        timeout_graceful_shutdown=math.ceil(settings.stop_seconds) + _SECONDS_MORE,
    )


@contextlib.contextmanager
def _told_once(lifecycle: Lifecycle) -> Iterator[None]:
    """Raise the error for which the service does not start, in place of the server's own words and status."""
    log = logging.getLogger("uvicorn.error")

    def silent(record: logging.LogRecord) -> bool:
        return not isinstance(lifecycle.failure, AmuletError)

    log.addFilter(silent)
    try:
        yield
    except SystemExit:
        if lifecycle.failure is None:
            raise
    finally:
        log.removeFilter(silent)
    if lifecycle.failure is not None:
        raise lifecycle.failure


def _refusal(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is taken by another program: stop it or choose another --port (0 takes a free one)"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} may not be used without more rights: choose a --port above 1023"
    return f"cannot listen on port {port} of {host} ({error.strerror or error}): choose another --host or --port"


def _address(host: str, listening: socket.socket) -> str:
    port = listening.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _stop(number: int, frame: FrameType | None) -> None:
    """End with status 0; uvicorn takes the signal over while it serves, and sends it on to here when it is done."""
    raise SystemExit(0)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None, **more: Any) -> None:
        await super().startup(sockets, **more)
        if self.started:
            self._ready()
