"""``amulet-ai run``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ai_models.cli.command import declare
from ai_models.cli.engine import on_an_engine
from ai_models.cli.headline import headline
from ai_models.cli.options import (
    PLACE,
    build,
    build_features,
    feature_settings,
    overwrite,
    preprocess_setting,
    settings,
)
from ai_models.cli.places import MODELS, free_place, outside, stem
from ai_models.core.settings import (
    AugmentationConfig,
    EvaluationConfig,
    FeatureConfig,
    InspectionConfig,
    PreprocessConfig,
    TrainingConfig,
)


@declare("run", example="amulet-ai run --data-dir photographs --output-dir saved_models/mine --ood-dir other-things")
@click.option("--data-dir", type=PLACE, required=True, help="Folder of images, one folder a class. Only read.")
@click.option("--output-dir", type=PLACE, help="The model directory.  [default: saved_models/NAME]")
@click.option("--groups", type=PLACE, metavar="FILE.csv", help="Your own groups: columns file,group; one an object.")
@click.option("--ood-dir", "ood_dirs", type=PLACE, multiple=True, help="Folder of other things; may be repeated.")
@settings(
    TrainingConfig,
    "cv_folds",
    "test_size",
    "quick_mode",
    "max_ms_per_image",
    "use_dimensionality_reduction",
    "demanded_gain",
    "coverage",
    "set_method",
    "ood_alpha",
    "confidence_threshold",
    "seed",
    "workers",
)
@settings(
    InspectionConfig,
    "check_duplicates",
    "corruption_threshold",
    "strict",
    "group_pattern",
    "burst_seconds",
    keep_failing="--keep-failing/--drop-failing",
)
@settings(
    AugmentationConfig,
    "target_samples",
    "augmentation_factor",
    "quality_threshold",
    "backgrounds",
    preset="--augmentation-preset",
)
@settings(FeatureConfig, "test_time_augmentation")
@feature_settings
@preprocess_setting
@settings(EvaluationConfig, "bootstrap_draws", "gallery_size", "leak_meter")
@overwrite
@on_an_engine
def command(
    data_dir: Path,
    output_dir: Path | None,
    groups: Path | None,
    ood_dirs: tuple[Path, ...],
    overwrite: bool,
    **values: Any,
) -> None:
    """Go the whole way, from a folder to a judged model.

    Inspects, splits, augments, extracts, trains and evaluates. The output folder is the model directory; it
    also carries inspection/ (report on the folder), data/ (photographs and copies) and report/ (figures with
    their uncertainty).
    """
    from ai_models.pipeline import run
    from ai_models.training.unfinished import is_unfinished

    result = run(
        data_dir,
        outside(output_dir or free_place(MODELS, stem(data_dir), taken_up=is_unfinished), data_dir),
        inspection=build(InspectionConfig, values),
        augmentation=build(AugmentationConfig, values),
        features=build_features(values),
        preprocess=PreprocessConfig(preset=values["preprocess"]),
        training=build(TrainingConfig, values),
        evaluation=build(EvaluationConfig, {**values, "quick": values["quick_mode"]}),
        groups_csv=groups,
        ood_dirs=ood_dirs,
        overwrite=overwrite,
        tell=lambda line: click.echo(line, err=True),
    )
    for line in headline(result.figures):
        click.echo(line)
    click.echo(f"model     {result.model_dir}")
    click.echo(f"report    {result.report}")
    click.echo(f"figures   {result.report.parent / 'metrics.json'}")
