"""``amulet-ai serve``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ai_models.cli.command import declare
from ai_models.cli.options import PLACE


@declare("serve", example="amulet-ai serve --model-dir saved_models/mine --host 127.0.0.1 --port 8000")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for every network.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 for a free one.")
@click.option("--model-dir", type=PLACE, help="A model directory.  [default: the newest below saved_models/]")
def command(host: str, port: int, model_dir: Path | None) -> None:
    """Answer over HTTP what images show.

    POST /predict and /predict/file, GET /health, /metrics and /docs. Whoever reaches the address may ask. Limits
    come from the environment: AMULET_AI_MAX_BYTES, AMULET_AI_MAX_PIXELS, AMULET_AI_THREADS; AMULET_AI_MODEL_DIR
    is the model where --model-dir is not given.
    """
    from ai_models.core.optional import require
    from ai_models.serving.settings import ServiceSettings

    settings = ServiceSettings.from_environment(model_dir=None if model_dir is None else os.fspath(model_dir))
    for module in ("fastapi", "uvicorn", "python_multipart", "psutil", "prometheus_client"):
        require(module, extra="serve", purpose="answering over HTTP")
    from ai_models.serving.server import serve

    def ready(address: str) -> None:
        click.echo(f"serving   {address}  (documentation: {address}/docs; stop with Ctrl-C)")

    serve(settings, host=host, port=port, ready=ready)
