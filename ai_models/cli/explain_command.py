"""``amulet-ai explain``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ai_models.cli.command import declare
from ai_models.cli.options import PLACE, build, overwrite, settings
from ai_models.cli.places import REPORTS, free_place, stem
from ai_models.cli.trusting import trust_options
from ai_models.core.errors import DataError
from ai_models.core.settings import ExplainConfig

if TYPE_CHECKING:
    from ai_models.artifacts import Trust


@declare("explain", example="amulet-ai explain --model-dir saved_models/mine photograph.jpg --output-dir why")
@click.option("--model-dir", type=PLACE, required=True, help="A model directory that `train` or `run` wrote.")
@click.option("--output-dir", type=PLACE, help="Folder for the result.  [default: reports/explanation-NAME]")
@settings(ExplainConfig, "neighbours", "score", "steps", "random_maps", "seed", "workers")
@click.argument("files", nargs=-1, type=PLACE, required=True, metavar="IMAGE...")
@trust_options
@overwrite
def command(
    model_dir: Path, output_dir: Path | None, files: tuple[Path, ...], overwrite: bool, trust: Trust, **values: Any
) -> None:
    """Say why the model says what it says of an image.

    The nearest training photographs, what each block of features and each voting member adds, and a heat map
    (Grad-CAM) with a test of how far it can be believed. Writes explain.html (self-contained), explanations.json and
    a PNG for every image.
    """
    from ai_models.evaluation.explanations import explain_images

    for file in files:
        if not file.is_file():
            what = "is a folder: name the images in it" if file.is_dir() else "does not exist: check the path"
            raise DataError(f"'{file}' {what}")
    place = output_dir or free_place(REPORTS, f"explanation-{stem(model_dir)}")
    for one in explain_images(model_dir, files, place, build(ExplainConfig, values), overwrite=overwrite, trust=trust):
        if one.explanation is None:
            click.echo(f"{one.file}: {one.note}")
            continue
        said, heat = one.explanation.prediction, one.explanation.heat_map
        tested = (
            ""
            if heat is None or heat.score is None
            else (f"; heat map better than {heat.score.beaten} of {len(heat.score.random)} random ones")
        )
        click.echo(
            f"{one.file}: {said.predicted_class} {said.confidence:.2f} against {one.explanation.against}, "
            f"{said.verdict}{tested}"
        )
    click.echo(f"page      {place / 'explain.html'}")
    click.echo(f"figures   {place / 'explanations.json'}")
