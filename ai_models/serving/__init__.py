"""Stage 7: a model directory -> answers over HTTP, and the files that put the service onto a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ai_models.core.lazy import lazy_names

if TYPE_CHECKING:
    from ai_models.serving.app import create_app
    from ai_models.serving.deployment import write_deployment
    from ai_models.serving.server import serve
    from ai_models.serving.settings import ServiceSettings

__all__ = ["ServiceSettings", "create_app", "serve", "write_deployment"]
__getattr__ = lazy_names(
    __name__,
    {
        "ServiceSettings": "ai_models.serving.settings",
        "create_app": "ai_models.serving.app",
        "serve": "ai_models.serving.server",
        "write_deployment": "ai_models.serving.deployment",
    },
)
