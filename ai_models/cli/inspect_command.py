"""``amulet-ai inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ai_models.cli.command import declare
from ai_models.cli.options import PLACE, build, overwrite, settings
from ai_models.cli.places import REPORTS, free_place, outside, stem
from ai_models.core.counts import photographs_of, plural
from ai_models.core.settings import InspectionConfig


@declare("inspect", example="amulet-ai inspect --data-dir photographs --output-dir reports/first-look")
@click.option("--data-dir", type=PLACE, required=True, help="Folder of images, one folder a class. Only read.")
@click.option("--output-dir", type=PLACE, help="Folder for the report.  [default: reports/inspection-NAME]")
@settings(
    InspectionConfig,
    "quick_mode",
    "check_duplicates",
    "corruption_threshold",
    "strict",
    "workers",
    "group_pattern",
    "burst_seconds",
    keep_failing="--keep-failing/--drop-failing",
    cache_features="--cache/--no-cache",
    cache_dir="--cache-dir",
)
@click.option("--groups", type=PLACE, metavar="FILE.csv", help="Your own groups: columns file,group; one an object.")
@overwrite
def command(data_dir: Path, output_dir: Path | None, groups: Path | None, overwrite: bool, **values: Any) -> None:
    """Look at a folder before anything is trained on it.

    Finds files that cannot be read, photographs of one object (copies, crops, turns, second shots) and classes
    that are too small, scores quality, and says which cross-validation the classes allow. Writes
    inspection.html, inspection.json, duplicates.csv and manifest.csv; changes nothing in the folder.
    """
    from ai_models.inspection import inspect_dataset

    place = outside(output_dir or free_place(REPORTS, f"inspection-{stem(data_dir)}"), data_dir)
    found = inspect_dataset(data_dir, place, build(InspectionConfig, values), groups_csv=groups, overwrite=overwrite)
    photographs = found.manifest.originals()
    objects = len(set(photographs.groups.tolist()))
    click.echo(f"{photographs_of(len(photographs), objects)} in {plural(len(photographs.classes), 'class', 'classes')}")
    for finding in found.findings:
        click.echo(f"- {finding.message}")
    click.echo(f"report    {place / 'inspection.html'}")
    click.echo(f"manifest  {place / 'manifest.csv'}")
