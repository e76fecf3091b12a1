"""The application for servers that are given a name: ``uvicorn ai_models.production_deployment:app``.

Settings come from the environment; the model is loaded when the server starts it.
"""

from ai_models.serving.app import create_app
from ai_models.serving.logs import install
from ai_models.serving.settings import ServiceSettings

__all__ = ["app"]

_settings = ServiceSettings.from_environment()
install(_settings.log_format)
app = create_app(_settings)
