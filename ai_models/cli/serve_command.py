"""``amulet-ai serve``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ai_models.cli.command import declare
from ai_models.cli.options import PLACE


@declare("serve", example="amulet-ai serve --model-dir saved_models/mine --host 127.0.0.1 --port 8000")
@click.option("--host", help="Address to listen on; 0.0.0.0 for every network.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 for a free one.  [default: 8000]")
@click.option("--model-dir", type=PLACE, help="A model directory.  [default: the newest below saved_models/]")
@click.option("--workers", type=click.IntRange(0, 256), help="Processes that judge images.  [default: one a core]")
@click.option("--keys-file", type=PLACE, help="Keys that are asked for; made by `amulet-ai keys create`.")
@click.option("--trusted-key", type=PLACE, metavar="PEM", help="A public key: models that it signed are opened.")
@click.option("--minimum-version", type=click.IntRange(min=0), help="Refuse a model of a lower version.  [default: 0]")
@click.option("--allow-unsigned", is_flag=True, help="Open a model that nobody vouches for. A model can run code.")
@click.option("--allow-anonymous", is_flag=True, help="Answer without a key on addresses that other machines reach.")
def command(
    *,
    host: str | None,
    port: int | None,
    model_dir: Path | None,
    workers: int | None,
    keys_file: Path | None,
    trusted_key: Path | None,
    minimum_version: int | None,
    allow_unsigned: bool,
    allow_anonymous: bool,
) -> None:
    """Answer over HTTP what images show.

    A page to drop a photograph on at /, POST /predict, /predict/file and /predict/batch, GET /health, /metrics and
    /docs, and the Open Inference Protocol at /v2. Every setting may come from the environment as AMULET_AI_NAME, such
    as AMULET_AI_PORT, AMULET_AI_KEYS_FILE, AMULET_AI_QUEUE; docs/http.md and docs/service.md list them. SIGHUP, or
    another model in the model directory, changes the model without a lost request; SIGTERM ends the service once what
    was asked is answered.
    """
    from ai_models.core.optional import require
    from ai_models.serving.settings import ServiceSettings

    settings = ServiceSettings.from_environment(
        host=host,
        port=port,
        workers=workers,
        model_dir=None if model_dir is None else os.fspath(model_dir),
        keys_file=None if keys_file is None else os.fspath(keys_file),
        trusted_key=None if trusted_key is None else os.fspath(trusted_key),
        minimum_version=minimum_version,
        allow_unsigned=allow_unsigned or None,
        allow_anonymous=allow_anonymous or None,
    )
    for module in ("fastapi", "uvicorn", "python_multipart", "psutil", "prometheus_client"):
        require(module, extra="serve", purpose="answering over HTTP")
    from ai_models.serving.server import serve

    def ready(address: str) -> None:
        click.echo(f"serving   {address}  (documentation: {address}/docs; stop with Ctrl-C)")

    serve(settings, ready=ready)
