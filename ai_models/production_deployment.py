"""Stage 7: a model directory -> answers over HTTP.

Run as ``python ai_models/production_deployment.py serve``, as ``python -m ai_models.production_deployment serve``
or as ``amulet-ai serve``; the same with ``deploy``. Servers take the application by name, and importing it loads
no model: ``uvicorn ai_models.production_deployment:app``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__" and not __package__:  # started as a file: look beside the package, not in it
    _package = Path(__file__).resolve().parent
    sys.path[:] = [str(_package.parent), *(p for p in sys.path if Path(p).resolve() != _package)]

from ai_models.core.lazy import lazy_names

if TYPE_CHECKING:
    from ai_models.serving import ServiceSettings, create_app
    from ai_models.serving.asgi import app

__all__ = ["ServiceSettings", "app", "create_app"]
__getattr__ = lazy_names(
    __name__,
    {
        "ServiceSettings": "ai_models.serving.settings",
        "app": "ai_models.serving.asgi",
        "create_app": "ai_models.serving.app",
    },
)

if __name__ == "__main__":
    from ai_models.cli import script

    script("serve", "deploy")
