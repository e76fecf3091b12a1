"""``amulet-ai download``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ai_models.cli.command import declare
from ai_models.cli.options import PLACE, build, settings
from ai_models.core.errors import DataError
from ai_models.core.settings import DownloadConfig


@declare(
    "download",
    example="amulet-ai download --csv list.csv --output-dir photographs\namulet-ai inspect --data-dir photographs",
)
@click.option("--csv", "csv", required=True, type=PLACE, metavar="FILE.csv", help="Table with the columns url,class.")
@click.option("--output-dir", required=True, type=PLACE, metavar="FOLDER", help="Where one folder a class is made.")
@settings(DownloadConfig, "source", "workers", "per_host", "delay", "retries", "retry_failed")
@settings(DownloadConfig, "timeout", "deadline", "max_wait", "max_megabytes", "max_redirects", "user_agent", "seed")
@click.option(
    "--consolidate-dir", type=PLACE, metavar="FOLDER", help="A second folder that gathers the files of several lists."
)
@settings(DownloadConfig, "link_mode")
@click.option("--dry-run", is_flag=True, help="Check the list and ask for nothing.")
def command(csv: Path, output_dir: Path, consolidate_dir: Path | None, dry_run: bool, **values: Any) -> None:
    """Fetch a list of images from the web.

    The bytes are kept as they were sent, named by their content; what is no readable image is left out with its
    reason. provenance.csv has a row for every address, with your own further columns. Run it again to go on after
    an interruption: files that are there are not asked for. Only public addresses are asked, on redirects too, and
    directly: proxies of the environment are not used.
    """
    from ai_models import downloading

    config = build(DownloadConfig, values)
    if dry_run:
        entries, faulty = downloading.check_list(csv)
        for entry, reason in faulty:
            click.echo(f"- {downloading.printable(entry.url)}: {reason}")
        classes = len({entry.label for entry in entries})
        click.echo(f"{len(entries)} addresses of {classes} classes, {len(faulty)} of them cannot be asked")
        return
    done = downloading.download(csv, output_dir, config, consolidate_dir=consolidate_dir)
    click.echo(downloading.summary(done))
    click.echo(f"ledger    {done.ledger}")
    if not any(record.ok for record in done.records):
        raise DataError(f"no address of '{csv}' gave an image: the reasons are above and in '{done.ledger}'")
