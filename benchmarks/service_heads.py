"""The service, which also writes down each request whose head the application has read, where ``LOAD_HEADS`` says.

Started as ``python benchmarks/service_heads.py serve --port 8000`` or as ``uvicorn service_heads:app``.
"""

from __future__ import annotations

import os
from typing import Any

from service_process import HEADS

from ai_models.serving import app as application


class Heads:
    """ASGI middleware outside of all others."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.file = os.open(os.environ["LOAD_HEADS"], os.O_WRONLY | os.O_APPEND)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        for name, value in scope.get("headers", ()):
            if name == HEADS.encode():
                os.write(self.file, value + b"\n")
        await self.inner(scope, receive, send)


_made = application.create_app


def _create_app(settings: Any = None) -> Any:
    return Heads(_made(settings)) if "LOAD_HEADS" in os.environ else _made(settings)


application.create_app = _create_app

if __name__ == "__main__":
    from ai_models.cli import main

    main()
else:
    from ai_models.serving.settings import ServiceSettings

    app = _create_app(ServiceSettings.from_environment())
