"""``amulet-ai deploy``."""

from __future__ import annotations

from pathlib import Path

import click

from ai_models.cli.command import declare
from ai_models.cli.options import PLACE, overwrite


@declare("deploy", example="amulet-ai deploy --output-dir deployment --type docker")
@click.option("--output-dir", type=PLACE, required=True, help="A new folder for the files.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(("docker", "systemd", "kubernetes")),
    help="What the service is to run under.  [default: files for all]",
)
@click.option(
    "--instances",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Services that requests are spread over.",
)
@overwrite
def command(output_dir: Path, kind: str | None, instances: int, overwrite: bool) -> None:
    """Write the files that put the service onto a server.

    The program with the versions that run here (no torch); Dockerfile and docker-compose.yml, a hardened systemd unit,
    Kubernetes manifests; nginx with TLS before it; a scrape job for Prometheus and a dashboard for Grafana; and
    DEPLOY.md, which says what to do with them. Limits are taken from the environment, as `serve` does.
    """
    from ai_models.serving.deployment import KINDS, write_deployment
    from ai_models.serving.settings import ServiceSettings

    kinds = KINDS if kind is None else (kind,)
    limits = ServiceSettings.from_environment()
    written = write_deployment(output_dir, kinds, settings=limits, instances=instances, overwrite=overwrite)
    for path in written:
        click.echo(f"written   {path}")
