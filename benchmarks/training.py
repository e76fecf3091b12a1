"""Time and memory of training on 1,000 images of 224 px with default settings, cold cache and warm.

    python benchmarks/training.py [--images 1000] [--workers 0] [--json FILE]

The images are patches of six pictures that come with scikit-image; the figures say what training costs, not what it
reaches. Memory is the largest sum over the process and its workers.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from skimage import data as bundled

PICTURES = ("brick", "grass", "gravel", "astronaut", "coffee", "rocket")
SIDE = 224


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=0, help="0 for one a core")
    parser.add_argument("--json", help="also write the figures here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _patches(folder / "data", arguments.images)
        results = {}
        for name in ("cold cache", "warm cache"):
            results[name] = _train(folder, name, arguments.workers)
            figures = results[name]
            print(
                f"{name}: {figures['seconds']:.0f} s in all, {figures['feature_seconds']:.2f} s of them on features, "
                f"peak memory {figures['peak_gb']:.2f} GB",
                flush=True,
            )
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=1), encoding="utf-8")


def _patches(folder: Path, n: int) -> None:
    rng = np.random.default_rng(0)
    pictures = [np.asarray(Image.fromarray(getattr(bundled, name)()).convert("RGB")) for name in PICTURES]
    for i in range(n):
        picture = pictures[i % len(pictures)]
        side = int(rng.integers(120, 240))
        top, left = (int(rng.integers(0, extent - side)) for extent in picture.shape[:2])
        patch = Image.fromarray(picture[top : top + side, left : left + side]).resize((SIDE, SIDE))
        target = folder / PICTURES[i % len(pictures)] / f"{i:05d}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        patch.rotate(float(rng.uniform(-20, 20)), resample=Image.Resampling.BICUBIC).save(target, quality=92)


def _train(folder: Path, name: str, workers: int) -> dict[str, float]:
    command = [
        sys.executable, "-m", "ai_models", "train", "--data-dir", str(folder / "data"), "--verbose",
        "--output-dir", str(folder / name.replace(" ", "-")), "--cache-dir", str(folder / "cache"),
        "--workers", str(workers),
    ]  # fmt: skip
    start, peak = time.perf_counter(), 0
    with (folder / "log").open("w+", encoding="utf-8") as log:
        process = subprocess.Popen(command, stderr=log, stdout=subprocess.DEVNULL)
        parent = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, _memory(parent))
            time.sleep(0.2)
        log.seek(0)
        text = log.read()
    if process.returncode:
        sys.exit(text)
    found = re.search(r"features of \d+ images in ([\d.]+) s", text)
    assert found is not None, text
    return {
        "seconds": time.perf_counter() - start,
        "feature_seconds": float(found[1]),
        "peak_gb": peak / 2**30,
    }


def _memory(parent: psutil.Process) -> int:
    total = 0
    for process in (parent, *parent.children(recursive=True)):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


if __name__ == "__main__":
    main()
