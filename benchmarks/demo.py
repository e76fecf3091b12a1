"""The whole way on real photographs, with the commands that a user would type.

python benchmarks/demo.py [--output-dir .demo]
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from demo_data import OTHERS, DemoData, build

from ai_models.artifacts import load_model
from ai_models.classifier import HybridClassifier
from ai_models.cli import main as amulet_ai
from ai_models.core.errors import AmuletError
from ai_models.core.records import Manifest, Split

WARNING = """\
What these figures are worth: nothing for any other folder. Each class is a number of patches of ONE photograph, so
the classes differ in light, focus and distance as well as in what they show, and held-out patches come from the same
photograph as the training ones. The demo shows that every stage works, and how it reports. For figures that mean
something, run it on photographs of your own:  amulet-ai run --data-dir FOLDER --output-dir saved_models/mine"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output-dir", type=Path, default=Path(".demo"), help="replaced where a demo wrote it")
    place = parser.parse_args().output_dir
    start = time.perf_counter()
    try:
        data = build(place / "data")
        walk(data, place)
        finish(data, place)
    except (AmuletError, click.ClickException) as error:
        print(f"Error: {error.format_message() if isinstance(error, click.ClickException) else error}", file=sys.stderr)
        return 2
    print(f"\n{time.perf_counter() - start:.0f} s in all.\n\n{WARNING}")
    return 0


def walk(data: DemoData, place: Path) -> None:
    """Call every stage; each takes what the one before it wrote."""
    photographs, model, cache = data.photographs, place / "model", place / "feature_cache"
    found, split, augmented = place / "inspection", place / "manifest.csv", place / "augmented"
    call("inspect", data_dir=photographs, groups=data.groups, output_dir=found)
    tell_planted(data, Manifest.load(found / "manifest.csv", root=photographs))
    call("split", data_dir=photographs, manifest=found / "manifest.csv", output=split, test_size=0.2, val_size=0)
    call("augment", input_dir=photographs, manifest=split, output_dir=augmented)
    call("extract", data_dir=augmented, output_dir=place / "features", cache_dir=cache)
    call("train", data_dir=augmented, output_dir=model, cache_dir=cache)
    call("evaluate", model_dir=model, ood_dir=data.others, output_dir=place / "report")
    call("predict", model_dir=model, data_dir=photographs, output=place / "predictions.csv")


def call(command: str, **options: object) -> None:
    """Show a command as it would be typed, and run it in this process."""
    arguments = [command]
    for name, value in options.items():
        arguments += [f"--{name.replace('_', '-')}", os.fspath(value) if isinstance(value, Path) else str(value)]
    arguments.append("--overwrite")
    print(f"\n$ amulet-ai {shlex.join(arguments)}", flush=True)
    amulet_ai.main(arguments, prog_name="amulet-ai", standalone_mode=False)


def tell_planted(data: DemoData, manifest: Manifest) -> None:
    group = dict(zip((r.path for r in manifest), manifest.groups.tolist(), strict=True))
    for one in data.planted:
        if one.parent:
            done = group.get(one.file) == group[one.parent]
            outcome = f"one group with {one.parent}" if done else f"NOT linked to {one.parent}"
        else:
            outcome = "left out" if one.file not in group else "NOT noticed"
        print(f"  planted {one.file} ({one.what}): {outcome}")


def finish(data: DemoData, place: Path) -> None:
    """Print what the evaluation wrote, a few predictions, and where everything lies."""
    figures = json.loads((place / "report" / "metrics.json").read_text(encoding="utf-8"))
    scored, floor, alarms = figures["scored"], figures["scored"]["ece_floor"], figures["false_alarms"]
    foreign = figures["ood"][data.others.name]
    print(f"\nHeld out: {scored['images']} photographs of {scored['groups']} objects. 95 % intervals over objects.")
    print(f"  accuracy            {ends(scored['accuracy'])}")
    print(f"  balanced accuracy   {ends(scored['balanced_accuracy'])}")
    print(f"  calibration (ECE)   {ends(scored['ece'])}; a calibrated model would show {floor['mean']:.3f} at this n")
    print(f"  prediction sets     {ends(scored['set_coverage'])} hold the true class")
    print(f"Out of distribution: {foreign['images']} other pictures.")
    print(f"  AUROC               {ends(foreign['auroc'])}")
    print(f"  called ood          {ends(foreign['called_ood'])}")
    print(f"  false alarms        {ends(alarms['measured'])} of the held-out photographs; stated: {alarms['stated']:g}")
    print("\nPredictions")
    examples(load_model(place / "model"), data, place)
    for name, path in {
        "report": place / "report" / "report.html",
        "inspection": place / "inspection" / "inspection.html",
        "model": place / "model",
        "predictions": place / "predictions.csv",
    }.items():
        print(f"{name:<12}{path}")


def examples(model: HybridClassifier, data: DemoData, place: Path) -> None:
    held_out = Manifest.load(place / "model" / "manifest.csv", root=data.photographs).on(Split.TEST)
    first = {row.label: data.photographs / row.path for row in reversed(held_out.records)}
    broken = [data.photographs / one.file for one in data.planted if not one.parent]
    for file in [*first.values(), *(data.others / f"{name}.jpg" for name in OTHERS[:3]), *broken]:
        said = model.predict_one(file)
        guess = f"{said.predicted_class} {said.confidence:.3f}" if said.predicted_class else ""
        because = f": {said.detail}" if said.detail else ""
        print(f"  {file.parent.name + '/' + file.name:<28}{guess:<14}{said.verdict}{because}")
    print()


def ends(value: Mapping[str, Any]) -> str:
    """Return an interval of metrics.json as text."""
    low, high = (f"{value[end]:.3f}" if value[end] is not None else "?" for end in ("low", "high"))
    return f"{value['estimate']:.3f} [{low}, {high}]"


if __name__ == "__main__":
    sys.exit(main())
