"""The application for servers that are given a name: ``uvicorn ai_models.production_deployment:app``.

Settings come from the environment; the model is loaded when the server starts it.
"""

from ai_models.serving.app import create_app

__all__ = ["app"]

app = create_app()
