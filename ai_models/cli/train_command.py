"""``amulet-ai train``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ai_models.cli import sources
from ai_models.cli.command import declare
from ai_models.cli.engine import on_an_engine
from ai_models.cli.headline import network_lines
from ai_models.cli.options import (
    PLACE,
    build,
    build_features,
    feature_settings,
    overwrite,
    preprocess_setting,
    settings,
)
from ai_models.cli.places import MODELS, free_place, outside
from ai_models.core.counts import photographs_of
from ai_models.core.settings import FeatureConfig, PreprocessConfig, TrainingConfig

_TOLD = {"nll": "log loss", "brier": "Brier score", "balanced_accuracy": "balanced accuracy"}


@declare("train", example="amulet-ai train --data-dir photographs --output-dir saved_models/mine --cv-folds 5")
@sources.rows()
@click.option("--output-dir", type=PLACE, help="The model directory.  [default: saved_models/NAME]")
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
@settings(FeatureConfig, "test_time_augmentation")
@feature_settings
@preprocess_setting
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
    """Train and calibrate the ensemble, and save it as a model.

    Images of one object never cross a fold; a folder that `augment` wrote is recognised by its manifest.csv,
    and its copies are used for fitting alone. Everything that is fitted is fitted inside the fold; every figure
    comes from rows that the model has not seen. Killed and started again with the same words, it goes on where it
    stood and ends with the same model.
    """
    from ai_models.pipeline import prepare_manifest
    from ai_models.splitting import split_for_training
    from ai_models.training import train_model
    from ai_models.training.card import beside
    from ai_models.training.unfinished import is_unfinished

    sources.needed(data_dir, manifest)
    training = build(TrainingConfig, values)
    features, preprocess = build_features(values), PreprocessConfig(preset=values["preprocess"])
    free = output_dir or free_place(MODELS, sources.title(data_dir, manifest), taken_up=is_unfinished)
    place = outside(free, data_dir)
    rows = prepare_manifest(
        data_dir,
        manifest_csv=manifest,
        groups_csv=groups,
        group_pattern=values["group_pattern"],
        features=features,
        workers=training.workers,
    )
    split = split_for_training(rows, test_size=training.test_size, folds=training.folds, seed=training.seed)
    model = train_model(split, place, training=training, features=features, preprocess=preprocess, overwrite=overwrite)
    metrics = json.loads((model / "metrics.json").read_text(encoding="utf-8"))
    judged, where = (
        (metrics["held_out"], "held-out") if "held_out" in metrics else (metrics["out_of_fold"], "out-of-fold")
    )
    told = ", ".join(f"{label} {_with_ends(judged, name)}" for name, label in _TOLD.items())
    click.echo(f"{photographs_of(judged['images'], judged['groups'], f'{where} image')}: {told}")
    for family, alone in beside(metrics):
        figures = f"balanced accuracy {alone['balanced_accuracy']:.3f}, log loss {alone['nll']:.3f}"
        click.echo(f"beside it, out of fold, {family} alone: {figures}")
    for line in network_lines(metrics["networks"]):
        click.echo(line)
    if metrics["left_out_for_their_cost"]:
        click.echo(
            f"left out  {', '.join(metrics['left_out_for_their_cost'])}: the features of an image may take "
            f"{training.max_ms_per_image:g} ms here (--max-ms-per-image)"
        )
    click.echo(f"model     {model}")
    click.echo(f"card      {model / 'MODEL_CARD.md'}")
    click.echo(f"figures   {model / 'metrics.json'}")
    click.echo(f"next      amulet-ai evaluate --model-dir {model}")


def _with_ends(judged: dict[str, Any], name: str) -> str:
    low, high = judged["intervals"][name]
    return f"{judged[name]:.3f} [no interval]" if low is None else f"{judged[name]:.3f} [{low:.3f}, {high:.3f}]"
