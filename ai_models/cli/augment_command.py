"""``amulet-ai augment``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ai_models.cli import sources
from ai_models.cli.command import declare
from ai_models.cli.options import PLACE, build, build_features, overwrite, settings
from ai_models.cli.places import REPORTS, free_place, outside
from ai_models.core.counts import photographs_of
from ai_models.core.settings import AugmentationConfig, FeatureConfig, TrainingConfig


@declare(
    "augment",
    example="amulet-ai augment --input-dir photographs --output-dir augmented --target-samples 60\n"
    "amulet-ai train --data-dir augmented",
)
@sources.rows("--input-dir")
@click.option("--output-dir", type=PLACE, help="New folder for all of it.  [default: reports/augmented-NAME]")
@settings(
    AugmentationConfig,
    "target_samples",
    "augmentation_factor",
    "quality_threshold",
    "preset",
    "label_check",
    "backgrounds",
    "flips",
    "seed",
    "workers",
)
@settings(FeatureConfig, "backbone", "weights", "device", "cache_dir", use_cnn_features="--cnn/--no-cnn")
@settings(TrainingConfig, "test_size", "cv_folds")
@overwrite
def command(
    data_dir: Path | None,
    manifest: Path | None,
    groups: Path | None,
    output_dir: Path | None,
    overwrite: bool,
    **values: Any,
) -> None:
    """Make changed copies of training photographs, balanced by class.

    A folder that is not split yet is inspected and split first, so that no copy of a held-out photograph is
    made. The output folder carries the photographs, the copies and manifest.csv, which names the parent of each
    copy: train on that folder and copies are used for fitting alone.

    A transform that carries a class's photographs to another class in feature space is switched off for that class;
    training asks again in every fold. --backgrounds also puts objects that lie on one colour on other surfaces, for
    a model that is to meet them there. --flips also mirrors and turns, where that is shown to be safe.
    """
    from ai_models.augmentation import augment_manifest
    from ai_models.pipeline import prepare_manifest
    from ai_models.splitting import split_for_training

    sources.needed(data_dir, manifest, "--input-dir")
    config, training = build(AugmentationConfig, values), build(TrainingConfig, {**values, "workers": 0})
    place = outside(output_dir or free_place(REPORTS, f"augmented-{sources.title(data_dir, manifest)}"), data_dir)
    rows = prepare_manifest(
        data_dir,
        manifest_csv=manifest,
        groups_csv=groups,
        group_pattern=values["group_pattern"],
        workers=config.workers,
    )
    split = split_for_training(rows, test_size=training.test_size, folds=training.folds, seed=config.seed)
    result = augment_manifest(split, place, config, features=build_features(values), overwrite=overwrite)
    counts = json.loads((place / "augmentation.json").read_text(encoding="utf-8"))
    for label, (photographs, objects) in result.counts().items():
        of_class = counts["classes"].get(label, {})
        copied = {r.group or r.source_id for r in result.copies() if r.label == label}
        copies = photographs_of(of_class.get("copies", 0), len(copied), "copy", "copies")
        click.echo(f"{label}: {photographs_of(photographs, objects)}, {copies}{_thrown_away(of_class)}")
        for name, found in of_class.get("label_check", {}).items():
            if not found["used"]:
                click.echo(f"  {name} is switched off: {found['reason']}")
    click.echo(f"folder    {place}")
    click.echo(f"manifest  {place / 'manifest.csv'}")
    if result.copies():
        click.echo(f"look at   {place / 'contact_sheets'}")


def _thrown_away(of_class: Mapping[str, Any]) -> str:
    """Say how many draws the quality gate threw away and why, and how many copies could not be made."""
    reasons = of_class.get("rejected", {})
    text = ""
    if reasons:
        text += f"; thrown away: {', '.join(f'{n} {reason}' for reason, n in sorted(reasons.items()))}"
    if of_class.get("not_made"):
        text += f"; {of_class['not_made']} copies not made"
    return text
