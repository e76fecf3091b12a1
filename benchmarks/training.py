"""Time and memory of training on 1,000 images of 224 px with default settings, cold cache and warm.

    python benchmarks/training.py [--images 1000] [--workers 0] [--json FILE]

The images are noise in six bands of frequency; the figures say what training costs, not what it reaches. Memory is the
largest sum over the process and its workers.
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

CLASSES = 6
SIDE = 224


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=0, help="0 for one a core")
    parser.add_argument("--json", help="also write the figures here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _textures(folder / "data", arguments.images)
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


def _textures(folder: Path, n: int) -> None:
    """Write pictures of band-passed noise, each drawn anew, so that no two show one object; classes differ in band."""
    rng = np.random.default_rng(0)
    along, across = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE))
    for i in range(n):
        c = i % CLASSES
        angle = np.pi * c / CLASSES + rng.normal(0, 0.15)
        towards = along * np.cos(angle) + across * np.sin(angle)
        sideways = across * np.cos(angle) - along * np.sin(angle)
        band = np.exp(-(((np.abs(towards) - rng.uniform(0.05, 0.15)) / 0.04) ** 2) - (sideways / 0.08) ** 2)
        noise = np.fft.ifft2(np.fft.fft2(rng.normal(size=(3, SIDE, SIDE))) * band).real
        pixels = 128 + 45 * noise / noise.std() + rng.normal(0, 12, (3, 1, 1))
        target = folder / f"band {c}" / f"{i:05d}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8).transpose(1, 2, 0)).save(target, quality=92)


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
