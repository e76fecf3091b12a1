"""``amulet-ai predict``."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ai_models.cli.command import declare
from ai_models.cli.options import PLACE, overwrite
from ai_models.cli.places import REPORTS, free_place, new_file, stem
from ai_models.cli.trusting import trust_options
from ai_models.core.errors import DataError

if TYPE_CHECKING:
    from ai_models.artifacts import Trust


@declare(
    "predict",
    example="amulet-ai predict --model-dir saved_models/mine --data-dir new --output predictions.csv\n"
    "amulet-ai predict --model-dir saved_models/mine photograph.jpg --output -",
)
@click.option("--model-dir", type=PLACE, required=True, help="A model directory that `train` or `run` wrote.")
@click.option("--data-dir", type=PLACE, help="Folder of images, flat or nested. Only read.")
@click.option("--output", type=PLACE, help="The CSV; - for standard output.  [default: reports/predictions-NAME.csv]")
@click.option(
    "--class-prior",
    default="training",
    show_default=True,
    metavar="training|uniform|CSV",
    help="How frequent the classes are among these images: as in training, all alike, or a CSV file class,share. "
    "Changes the probabilities and the predicted class; sets and verdicts stay.",
)
@click.argument("files", nargs=-1, type=PLACE)
@trust_options
@overwrite
def command(
    model_dir: Path,
    data_dir: Path | None,
    output: Path | None,
    *,
    class_prior: str,
    files: tuple[Path, ...],
    overwrite: bool,
    trust: Trust,
) -> None:
    """Say what images show, how sure that is, or that it is not known.

    One row for every image: path, predicted_class, confidence, p_<class>..., prediction_set (classes joined by
    |), ood_score, ood_p_value, verdict (in_domain, unsure, ood or unreadable), reason (none, quality, far, near_class,
    ambiguous or unreadable), prediction_set_by_class.
    """
    from ai_models.artifacts import load_model
    from ai_models.core.class_prior import prior_ratio
    from ai_models.core.paths import write_bytes

    if (data_dir is None) == (not files):
        raise click.UsageError("Name the images: either --data-dir FOLDER, or one or more files.")
    standard_output = output is not None and str(output) == "-"
    place = output or free_place(REPORTS, f"predictions-{stem(data_dir or model_dir)}", ".csv")
    if not standard_output:
        new_file(place, overwrite=overwrite)
    names, paths = _images(data_dir, files)
    model = load_model(model_dir, trust=trust)
    ratio = prior_ratio(class_prior, model.classes, {c: n[0] for c, n in model.metadata["counts"].items()})
    predictions = model.predict_batch(paths, label="predict").with_prior(ratio)
    table = predictions.to_csv(names)
    if standard_output:
        sys.stdout.buffer.write(table)
        return
    write_bytes(place, table)
    verdicts = Counter(str(v) for v in predictions.verdicts)
    click.echo(f"{len(names)} images: " + ", ".join(f"{n} {verdict}" for verdict, n in sorted(verdicts.items())))
    click.echo(f"rows      {place}")


def _images(data_dir: Path | None, files: tuple[Path, ...]) -> tuple[list[str], list[Path]]:
    from ai_models.core.images import walk_images
    from ai_models.core.paths import require_dir

    if data_dir is None:
        for file in files:
            if not file.is_file():
                what = "is a folder: give it as --data-dir" if file.is_dir() else "does not exist: check the path"
                raise DataError(f"'{file}' {what}")
        return [os.fspath(file) for file in files], list(files)
    root = require_dir(data_dir, what="--data-dir")
    names = list(walk_images(root))
    if not names:
        raise DataError(f"no image found in '{root}': expected files such as .jpg, .png or .webp")
    return names, [root / name for name in names]
