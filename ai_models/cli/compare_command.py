"""``amulet-ai compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ai_models.cli.command import declare
from ai_models.cli.options import PLACE, build, overwrite, settings
from ai_models.cli.places import REPORTS, free_place, stem
from ai_models.cli.trusting import trust_options
from ai_models.core.settings import EvaluationConfig

if TYPE_CHECKING:
    from ai_models.artifacts import Trust


@declare("compare", example="amulet-ai compare saved_models/mine saved_models/other")
@click.argument("a", type=PLACE)
@click.argument("b", type=PLACE)
@click.option("--output-dir", type=PLACE, help="Folder for the result.  [default: reports/comparison-A-B]")
@settings(EvaluationConfig, "bootstrap_draws", "seed", "workers")
@trust_options
@overwrite
def command(a: Path, b: Path, output_dir: Path | None, overwrite: bool, trust: Trust, **values: Any) -> None:
    """Say which of two models is better on new photographs.

    A and B are model directories, evaluations, or the predictions.csv of evaluations. What counts are the photographs
    that both judged and neither was fitted on, by objects. Writes comparison.html (self-contained) and
    comparison.json.
    """
    import json

    from ai_models.evaluation.comparison import FIGURES, compare_models

    place = output_dir or free_place(REPORTS, f"comparison-{stem(a)}-{stem(b)}")
    report = compare_models(a, b, place, build(EvaluationConfig, values), overwrite=overwrite, trust=trust)
    found = json.loads((report.parent / "comparison.json").read_text(encoding="utf-8"))
    for name in FIGURES:
        click.echo(found["answers"][name])
    click.echo(f"report    {report}")
    click.echo(f"figures   {report.parent / 'comparison.json'}")
