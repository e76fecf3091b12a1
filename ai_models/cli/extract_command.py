"""``amulet-ai extract``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ai_models.cli import sources
from ai_models.cli.command import declare
from ai_models.cli.engine import on_an_engine
from ai_models.cli.options import (
    PLACE,
    build_features,
    feature_settings,
    overwrite,
    preprocess_setting,
    settings,
)
from ai_models.cli.places import REPORTS, free_place, outside
from ai_models.core.counts import photographs_of
from ai_models.core.settings import PreprocessConfig, TrainingConfig


@declare("extract", example="amulet-ai extract --data-dir photographs --output-dir features --no-sift")
@sources.rows()
@click.option("--output-dir", type=PLACE, help="Folder for the arrays.  [default: reports/features-NAME]")
@feature_settings
@preprocess_setting
@settings(TrainingConfig, "seed", "workers")
@overwrite
@on_an_engine
def command(
    data_dir: Path | None,
    manifest: Path | None,
    groups: Path | None,
    output_dir: Path | None,
    overwrite: bool,
    **values: Any,
) -> None:
    """Turn images into vectors, each block of them cached on disk.

    Blocks: network embedding, HOG, LBP, SIFT, colour, ORB and your own. Writes features.npy (float32, one row
    an image), features.json (names, blocks) and manifest.csv (the rows in the same order). SIFT and ORB need a
    codebook, which is fitted on training rows only: of images that are not split yet these blocks are left out,
    and a line says so.
    """
    from ai_models.features.table import write_features
    from ai_models.pipeline import prepare_manifest

    sources.needed(data_dir, manifest)
    features = build_features(values)
    place = outside(output_dir or free_place(REPORTS, f"features-{sources.title(data_dir, manifest)}"), data_dir)
    rows = prepare_manifest(
        data_dir,
        manifest_csv=manifest,
        groups_csv=groups,
        group_pattern=values["group_pattern"],
        features=features,
        workers=values["workers"],
    )
    table = write_features(
        rows,
        place,
        features=features,
        preprocess=PreprocessConfig(preset=values["preprocess"]),
        seed=values["seed"],
        workers=values["workers"],
        overwrite=overwrite,
    )
    for name, reason in table.left_out.items():
        click.echo(f"- block {name} is left out: {reason}")
    images = photographs_of(table.shape[0], len(set(rows.groups.tolist())), "image")
    click.echo(f"{images} x {table.shape[1]} features ({', '.join(table.blocks)})")
    click.echo(f"features  {place / 'features.npy'}")
