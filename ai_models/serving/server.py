"""The service as a process: a bound port, uvicorn, a clean end."""

from __future__ import annotations

import errno
import ipaddress
import logging
import os
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from ai_models.core.errors import ConfigError
from ai_models.serving.settings import ServiceSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["bind", "serve"]

_BACKLOG = 256
_SECONDS_TO_FINISH = 20


def serve(settings: ServiceSettings, *, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Answer until SIGTERM or SIGINT; what is being answered then is finished first.

    Parameters
    ----------
    settings
        Model and limits.
    host, port
        Where to listen; port 0 takes a free one.
    ready
        Called with the service's address once it answers.

    Raises
    ------
    AmuletError
        When the model cannot be used, or the address cannot be listened on.
    """
    settings = settings.replace(model_dir=os.fspath(settings.model_directory()))
    _require_keys(settings, host)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    with bind(host, port) as listening:  # before what takes seconds to import
        from ai_models.artifacts import verify_bundle
        from ai_models.serving.admission.door import Door
        from ai_models.serving.app import create_app
        from ai_models.serving.audit import AuditTrail

        verify_bundle(settings.model_dir)
        Door(settings), AuditTrail(settings.audit_file)  # what cannot be used is told before anything starts
        from ai_models.serving.logs import install

        install(settings.log_format)
        app = create_app(settings)
        _Server(_configured(app), lambda: ready(_address(host, listening))).run(sockets=[listening])
    if app.state.failure is not None:
        raise app.state.failure


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


def _require_keys(settings: ServiceSettings, host: str) -> None:
    """Refuse to answer everyone who reaches an address, unless that was asked for."""
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


def _configured(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        log_level=logging.getLogger("ai_models").getEffectiveLevel(),
        access_log=False,  # the application writes its own line, without addresses
        server_header=False,
        proxy_headers=False,  # whom to believe is a setting of the application
        lifespan="on",
        timeout_graceful_shutdown=_SECONDS_TO_FINISH,
    )


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
