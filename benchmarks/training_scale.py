"""What training costs as a folder grows, its features being warm: minutes, memory, and the exponent of growth.

    python benchmarks/training_scale.py [--images 1000 2000 5000] [--workers 0] [--json FILE]

Features are drawn (`benchmarks/drawn_features.py`), so that nothing is extracted; all else is `train` with its default
settings: split, cross-fitting of every candidate, the choice, the last fit, figures with their intervals, the model
directory. Memory is the largest sum over the process and its workers, of what each holds alone (USS) and of all that it
sees (RSS, in which shared pages count once a process).
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
from drawn_features import draw_folder

EVERY = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 2000, 5000])
    parser.add_argument("--classes", type=int, default=8)
    parser.add_argument("--workers", type=int, default=0, help="0 for one a core")
    parser.add_argument("--json", help="also write the figures here")
    parser.add_argument("--alone", action="store_true", help="train once in this process, for a profiler")
    arguments = parser.parse_args()
    if arguments.alone:
        print(json.dumps(_train(arguments.images[0], arguments.classes, arguments.workers)))
        return
    results = []
    for n in arguments.images:
        results.append(_measured(n, arguments.classes, arguments.workers))
        found = results[-1]
        print(
            f"{n:>6} images, {found['objects']} objects: {found['minutes']:.2f} min "
            f"({', '.join(f'{k} {v:.1f} s' for k, v in found['seconds'].items())}); "
            f"memory {found['peak_uss_gb']:.2f} GB (RSS {found['peak_rss_gb']:.2f}), raw features "
            f"{found['raw_gb']:.2f} GB; held-out balanced accuracy {found['balanced_accuracy']:.3f}, "
            f"log loss {found['nll']:.3f}",
            flush=True,
        )
    first, last = results[0], results[-1]
    summary: dict[str, Any] = {"runs": results}
    if len(results) > 1:
        growth = math.log(last["minutes"] / first["minutes"]) / math.log(last["images"] / first["images"])
        summary["exponent"] = growth
        print(f"growth from {first['images']} to {last['images']} images: n^{growth:.2f}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


def _measured(n: int, classes: int, workers: int) -> dict[str, Any]:
    """Train in a process of its own and watch its memory."""
    command = [sys.executable, __file__, "--alone", "--images", str(n)]
    command += ["--classes", str(classes), "--workers", str(workers)]
    peaks = {"uss": 0, "rss": 0}
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out)
        parent = psutil.Process(process.pid)
        while process.poll() is None:
            for kind, held in _memory(parent).items():
                peaks[kind] = max(peaks[kind], held)
            time.sleep(EVERY)
        if process.returncode:
            sys.exit(f"training {n} images ended with {process.returncode}")
        out.seek(0)
        found: dict[str, Any] = json.loads(out.read().splitlines()[-1])
    return {**found, **{f"peak_{kind}_gb": held / 2**30 for kind, held in peaks.items()}}


def _memory(parent: psutil.Process) -> dict[str, int]:
    total = {"uss": 0, "rss": 0}
    try:
        family = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return total
    for process in family:
        try:
            held = process.memory_full_info()
        except psutil.NoSuchProcess:
            continue
        total["uss"] += held.uss
        total["rss"] += held.rss
    return total


def _train(n: int, classes: int, workers: int) -> dict[str, Any]:
    """Train on drawn features and return what it took."""
    from ai_models.core.settings import FeatureConfig, TrainingConfig
    from ai_models.crossfit import fitting
    from ai_models.features import HybridFeatureExtractor
    from ai_models.splitting import split_for_training
    from ai_models.training import train_model, trainer

    drawn = draw_folder(n, classes)
    config = TrainingConfig(workers=workers)
    split = split_for_training(drawn.manifest, test_size=config.test_size, folds=config.folds, seed=config.seed)
    place = {row.path: i for i, row in enumerate(drawn.manifest)}
    raw = drawn.raw.take([place[row.path] for row in split])
    seconds: dict[str, float] = {}

    def timed(name: str, function: Any) -> Any:
        def called(*given: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*given, **named)
            finally:
                seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start

        return called

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.multiple(HybridFeatureExtractor, extract_raw=lambda *_, **__: raw),
        mock.patch.multiple(
            trainer,
            decide=timed("decide", fitting.decide),
            fit_classifier=timed("last fit", fitting.fit_classifier),
            training_metrics=timed("figures", trainer.training_metrics),
            save_bundle=timed("writing", trainer.save_bundle),
        ),
        mock.patch.multiple(
            fitting, cross_fit=timed("cross-fitting", fitting.cross_fit), choose=timed("choosing", fitting.choose)
        ),
    ):
        start = time.perf_counter()
        model = train_model(split, folder, training=config, features=FeatureConfig(cache_features=False))
        whole = time.perf_counter() - start
        held_out = json.loads((model / "metrics.json").read_text(encoding="utf-8"))["held_out"]
    seconds["decide"] -= seconds["cross-fitting"] + seconds["choosing"]
    return {
        "images": n,
        "objects": len(set(drawn.manifest.groups.tolist())),
        "minutes": whole / 60,
        "seconds": {**seconds, "rest": whole - sum(seconds.values())},
        "raw_gb": sum(block.nbytes for block in drawn.raw.blocks.values()) / 2**30,
        "balanced_accuracy": held_out["balanced_accuracy"],
        "nll": held_out["nll"],
    }


if __name__ == "__main__":
    main()
