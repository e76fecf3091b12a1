"""``amulet-ai export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ai_models.cli.command import declare
from ai_models.cli.options import PLACE, overwrite
from ai_models.cli.trusting import trust_options

if TYPE_CHECKING:
    from ai_models.artifacts import Trust


@declare("export", example="amulet-ai export --model-dir saved_models/mine --format onnx --output-dir exported")
@click.option("--model-dir", type=PLACE, required=True, help="A model directory that `train` or `run` wrote.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(("onnx", "torchscript", "int8")),
    required=True,
    help="What reads it: ONNX Runtime and its like, torch, or ONNX Runtime with the network in INT8.",
)
@click.option("--output-dir", type=PLACE, required=True, help="A new folder for the files.")
@click.option(
    "--data-dir",
    type=PLACE,
    help="Photographs that networks are compared on, and INT8 takes its ranges from. Only read.  [default: the "
    "training photographs that are still where they were, else drawn pictures]",
)
@trust_options
@overwrite
def command(
    model_dir: Path, kind: str, output_dir: Path, data_dir: Path | None, *, overwrite: bool, trust: Trust
) -> None:
    """Write a model for other programs, where it gives the same answers.

    Each file is compared with the model on at least 1,000 rows of features or pictures before any is written: all
    labels equal and no probability off by more than 0.0001; of INT8, 98 % of the labels and the median row off by at
    most 0.02. Beside the files stands export.json: inputs, outputs, digests, figures. The files give probabilities;
    whether a photograph shows anything that is known is told by the model directory and the service alone.
    """
    from ai_models.artifacts.export import export_model

    found = export_model(model_dir, output_dir, kind=kind, photographs=data_dir, overwrite=overwrite, trust=trust)
    for name, agreement in found.items():
        click.echo(f"written   {output_dir / name}: {agreement.describe()}")
    click.echo("note      these files give probabilities, not verdicts: they cannot say that something is unknown")
