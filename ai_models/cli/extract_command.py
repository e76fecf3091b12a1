"""``amulet-ai extract``."""

from __future__ import annotations

from collections.abc import Mapping
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
from ai_models.core.errors import DataError
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
    and a line says so. A Parquet manifest of more than 100,000 rows is streamed.
    """
    from ai_models.core.manifest_stream import is_streamed

    sources.needed(data_dir, manifest)
    place = outside(output_dir or free_place(REPORTS, f"features-{sources.title(data_dir, manifest)}"), data_dir)
    how = {
        "features": build_features(values),
        "preprocess": PreprocessConfig(preset=values["preprocess"]),
        "seed": values["seed"],
        "workers": values["workers"],
        "overwrite": overwrite,
    }
    if manifest is not None and is_streamed(manifest):
        if groups is not None or values["group_pattern"]:
            raise DataError(
                f"'{manifest}' is streamed, objects are not looked for in it: leave out --groups and --group-pattern"
            )
        _streamed(manifest, data_dir, place, how)
    else:
        _whole(manifest, data_dir, groups=groups, pattern=values["group_pattern"], place=place, how=how)
    click.echo(f"features  {place / 'features.npy'}")


def _whole(
    manifest: Path | None,
    data_dir: Path | None,
    *,
    groups: Path | None,
    pattern: str,
    place: Path,
    how: dict[str, Any],
) -> None:
    from ai_models.features.table import write_features
    from ai_models.pipeline import prepare_manifest

    rows = prepare_manifest(
        data_dir,
        manifest_csv=manifest,
        groups_csv=groups,
        group_pattern=pattern,
        features=how["features"],
        workers=how["workers"],
    )
    table = write_features(rows, place, **how)
    _tell_left_out(table.left_out)
    images = photographs_of(table.shape[0], len(set(rows.groups.tolist())), "image")
    click.echo(f"{images} x {table.shape[1]} features ({', '.join(table.blocks)})")


def _streamed(manifest: Path, data_dir: Path | None, place: Path, how: dict[str, Any]) -> None:
    from ai_models.core.manifest_stream import ManifestStream
    from ai_models.features.streamed_table import write_streamed_features

    table = write_streamed_features(ManifestStream(manifest, root=data_dir), place, **how)
    click.echo("- rows were streamed: copies and objects were not looked for")
    _tell_left_out(table.left_out)
    if table.unreadable:
        click.echo(f"- {table.unreadable:,} images cannot be read and have zeros: {place / 'unreadable.csv'}")
    click.echo(f"{table.shape[0]:,} images x {table.shape[1]} features ({', '.join(table.blocks)})")


def _tell_left_out(left_out: Mapping[str, str]) -> None:
    for name, reason in left_out.items():
        click.echo(f"- block {name} is left out: {reason}")
