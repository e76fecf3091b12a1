"""``amulet-ai split``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ai_models.cli import sources
from ai_models.cli.command import declare
from ai_models.cli.options import PLACE, build, overwrite, settings
from ai_models.cli.places import REPORTS, free_place, new_file
from ai_models.core.settings import SplitConfig


@declare(
    "split",
    example="amulet-ai split --data-dir photographs --output manifest.csv --test-size 0.2 --val-size 0\n"
    "amulet-ai train --data-dir photographs --manifest manifest.csv",
)
@sources.rows()
@click.option(
    "--extend", type=PLACE, metavar="FILE.csv", help="An earlier split of --data-dir: keep it and place new images."
)
@click.option("--output", type=PLACE, metavar="FILE.csv", help="The manifest.  [default: reports/split-NAME.csv]")
@settings(SplitConfig, "test_size", "val_size", "folds", "seed")
@overwrite
def command(
    data_dir: Path | None,
    manifest: Path | None,
    groups: Path | None,
    output: Path | None,
    overwrite: bool,
    *,
    extend: Path | None,
    **values: Any,
) -> None:
    """Divide a folder into sides and folds, without moving a file.

    Train, validation and test sides, and folds among the training rows. Stratified by class; copies of one
    object always stand together. Sides that exist (train/val/test folders, or an earlier manifest) are kept and
    new images are placed around them. With --extend nothing moves that an earlier split placed; a new image that
    shows two objects which stand apart is excluded and named. Refuses, with the reason, a split in which a fold
    would lack a class.
    """
    from ai_models.pipeline import prepare_manifest
    from ai_models.splitting import crossing_groups, split_manifest, summary

    sources.needed(data_dir, manifest)
    if extend is not None and (data_dir is None or manifest is not None):
        raise click.UsageError("--extend FILE.csv needs --data-dir FOLDER with the new images, and no --manifest.")
    config = build(SplitConfig, values)
    place = new_file(
        output or free_place(REPORTS, f"split-{sources.title(data_dir, manifest)}", ".csv"), overwrite=overwrite
    )
    before = prepare_manifest(
        data_dir,
        manifest_csv=manifest,
        groups_csv=groups,
        earlier_csv=extend,
        group_pattern=values["group_pattern"],
    )
    split = split_manifest(before, config)
    split.save(place)
    click.echo(summary(split))
    for group, sides in crossing_groups(before).items():
        click.echo(
            f"- group '{group}' stood on {' and '.join(sides)}: only its {sides[-1]} rows stay, others are excluded"
        )
    click.echo(f"manifest  {place}")
