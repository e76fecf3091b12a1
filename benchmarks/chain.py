"""The chain of three scripts beside `run`, on an unbalanced copy of a folder: the held-out figures must agree.

    python benchmarks/chain.py DATASET [--keep 0.4]

The copy keeps every image of the largest class and a falling share of the others, down to --keep. Both ways hold out
the same objects; copies are never scored.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ai_models.core.images import walk_images
from ai_models.core.rng import derive_seed

SCRIPTS = Path(__file__).parents[1] / "ai_models"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--keep", type=float, default=0.4, help="share of the smallest class that is kept")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _unbalanced(arguments.dataset, folder / "data", arguments.keep)
        cache = ["--cache-dir", str(folder / "cache")]
        _call("dataset_inspector.py", "--data-dir", folder / "data", "--output-dir", folder / "inspection")
        _call("augmentation_pipeline.py", "--input-dir", folder / "data", "--output-dir", folder / "augmented")
        _call("hybrid_trainer.py", "--data-dir", folder / "augmented", "--output-dir", folder / "chain", *cache)
        run = [sys.executable, "-m", "ai_models", "run", "--data-dir", str(folder / "data")]
        subprocess.run([*run, "--output-dir", str(folder / "run"), *cache], check=True, stdout=subprocess.DEVNULL)
        for name in ("chain", "run"):
            found: dict[str, Any] = json.loads((folder / name / "metrics.json").read_text(encoding="utf-8"))
            held_out, training = found["held_out"], found["training"]
            rows = f"{training['images']} photographs, {training['copies']} copies, {held_out['images']} held out"
            figures = f"balanced accuracy {held_out['balanced_accuracy']:.3f}, log loss {held_out['nll']:.3f}"
            print(f"{name:<6} {rows}: {figures}")


def _unbalanced(source: Path, target: Path, keep: float) -> None:
    by_class: dict[str, list[str]] = {}
    for path in walk_images(source):
        by_class.setdefault(path.split("/")[0], []).append(path)
    ranked = sorted(by_class.items(), key=lambda item: (-len(item[1]), item[0]))
    for rank, (label, paths) in enumerate(ranked):
        share = 1 - (1 - keep) * rank / max(len(ranked) - 1, 1)
        chosen = sorted(paths, key=lambda p: derive_seed(0, "unbalance", p))[: round(share * len(paths))]
        (target / label).mkdir(parents=True)
        for path in chosen:
            shutil.copy(source / path, target / label / Path(path).name)


def _call(script: str, *words: object) -> None:
    subprocess.run([sys.executable, str(SCRIPTS / script), *map(str, words)], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
