"""``amulet-ai evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ai_models.cli.command import declare
from ai_models.cli.headline import headline
from ai_models.cli.options import PLACE, build, overwrite, settings
from ai_models.cli.places import REPORTS, free_place, stem
from ai_models.cli.trusting import trust_options
from ai_models.core.settings import EvaluationConfig

if TYPE_CHECKING:
    from ai_models.artifacts import Trust


@declare("evaluate", example="amulet-ai evaluate --model-dir saved_models/mine --ood-dir coins --ood-dir holiday")
@click.option("--model-dir", type=PLACE, required=True, help="A model directory that `train` or `run` wrote.")
@click.option("--output-dir", type=PLACE, help="Folder for the report.  [default: reports/evaluation-NAME]")
@click.option("--test-data-dir", type=PLACE, help="Folder of new labelled images.  [default: the held-out rows]")
@click.option("--ood-dir", "ood_dirs", type=PLACE, multiple=True, help="Folder of other things; may be repeated.")
@click.option(
    "--claim", "claims", multiple=True, metavar="CLAIM",
    help="What you want to claim, such as 'balanced_accuracy > 0.9', 'f1 > 0.85 in every class', 'recall > 80% in "
    "class NAME' or 'auroc > 0.9 on FOLDER'; may be repeated.",
)  # fmt: skip
@settings(
    EvaluationConfig, "quick", "bootstrap_draws", "gallery_size", "explained_errors", "leak_meter", "robustness",
    "field_shift", "next_photographs", "seed", "workers",
)  # fmt: skip
@trust_options
@overwrite
def command(
    model_dir: Path,
    output_dir: Path | None,
    test_data_dir: Path | None,
    ood_dirs: tuple[Path, ...],
    *,
    overwrite: bool,
    trust: Trust,
    **values: Any,
) -> None:
    """Judge a model on rows that it has not seen.

    Every figure comes with the uncertainty that so few images leave. Writes report.html (self-contained),
    metrics.json, predictions.csv, suspects.csv (labels that deserve a look) and next_photographs.csv.
    """
    import json

    from ai_models.evaluation import evaluate_model

    place = output_dir or free_place(REPORTS, f"evaluation-{stem(model_dir)}")
    report = evaluate_model(
        model_dir,
        place,
        build(EvaluationConfig, values),
        test_data_dir=test_data_dir,
        ood_dirs=ood_dirs,
        overwrite=overwrite,
        trust=trust,
    )
    for line in headline(json.loads((report.parent / "metrics.json").read_text(encoding="utf-8"))):
        click.echo(line)
    click.echo(f"report    {report}")
    click.echo(f"figures   {report.parent / 'metrics.json'}")
    click.echo(f"rows      {report.parent / 'predictions.csv'}")
    click.echo(f"suspects  {report.parent / 'suspects.csv'}")
    if (report.parent / "next_photographs.csv").is_file():
        click.echo(f"to shoot  {report.parent / 'next_photographs.csv'}")
