"""One Dask worker of one thread beside two, on this machine: time, CPU seconds, and whether the features are the same.

    python benchmarks/dask_scaling.py local|one|two|killed [--images 2000] [--work DIR]
    python benchmarks/dask_scaling.py stages [--work DIR]
    python benchmarks/dask_scaling.py --table

Each call measures one configuration once and appends it to ``benchmarks/results/dask.json``: the extraction of all
blocks of the default settings from distinct JPEGs into an empty cache, by real ``dask worker`` processes that were
started and had loaded the network before (on other photographs). ``killed`` sends SIGKILL to one of two workers when
half of the images are there. ``local`` is the ordinary extraction on one thread. ``stages`` measures the CPU time of
reading and of each block for one photograph. The tables, and a model of the cost of more, go into docs/scaling.md.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import shutil
import signal
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
from dask_processes import Processes, running
from PIL import Image

from ai_models.cluster import computing
from ai_models.core.images import read_bytes
from ai_models.core.settings import ComputeConfig, FeatureConfig, PreprocessConfig
from ai_models.features import HybridFeatureExtractor
from ai_models.features.costs import READING, measure_costs

RESULTS = Path(__file__).parent / "results" / "dask.json"
DOCS = Path(__file__).parents[1] / "docs" / "scaling.md"
START, END = "<!-- figures: benchmarks/dask_scaling.py --table -->", "<!-- end of figures -->"
WORKERS = {"local": 0, "one": 1, "two": 2, "killed": 2}
WARMING = 128
GPU_RATE = 3000.0  # images a second that a GPU is assumed to take through the network; none was measured
MACHINES = (  # name, worker threads, GPUs
    ("2 threads", 2, 0),
    ("64 threads", 64, 0),
    ("1,000 threads", 1000, 0),
    ("assumed: 1 GPU, 16 threads", 16, 1),
    ("assumed: 8 GPUs, 256 threads", 256, 8),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configuration", nargs="?", choices=[*WORKERS, "stages"])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--work", type=Path, help="folder for photographs and caches; photographs in it are used again")
    parser.add_argument("--table", action="store_true", help="only write the table")
    given = parser.parse_args()
    if given.table:
        _write_table()
        return
    if given.configuration is None:
        parser.error("name a configuration, or --table")
    work = given.work or Path(tempfile.mkdtemp())
    if given.configuration == "stages":
        _keep("stages", _stages(work))
        return
    files = _photographs(work / "photographs", given.images + WARMING)
    run = _measured(given.configuration, files[WARMING:], files[:WARMING], Path(tempfile.mkdtemp(dir=work)))
    _keep("runs", run)


def _keep(kind: str, run: dict[str, Any]) -> None:
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    kept.setdefault(kind, []).append(run)
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(run))


def _stages(work: Path) -> dict[str, Any]:
    small = [read_bytes(file) for file in _photographs(work / "photographs", 32)]
    stream = io.BytesIO()
    with Image.open(io.BytesIO(small[0])) as picture:
        picture.resize((4000, 3000)).save(stream, "JPEG", quality=90)
    extractor = HybridFeatureExtractor(FeatureConfig(cache_dir=str(work / "stages"), device="cpu"))
    large = measure_costs(extractor.blocks, [stream.getvalue()] * 8, PreprocessConfig())
    return {"milliseconds": measure_costs(extractor.blocks, small, PreprocessConfig()), "reading_12mp": large[READING]}


def _photographs(folder: Path, count: int) -> list[Path]:
    """Write distinct pictures of 640 x 480: blobs, edges and noise, about 90 KB each."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:06d}.jpg" for number in range(count)]
    for number, file in enumerate(files):
        if not file.exists():
            rng = np.random.default_rng(number)
            coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
            picture = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC).astype(np.int16)
            cv2.circle(picture, (int(rng.integers(100, 540)), 240), 120, (40, 90, 160), 12)
            picture += rng.integers(-12, 13, (480, 640, 1), dtype=np.int16)
            Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(file, quality=90)
    return files


def _measured(name: str, files: list[Path], warming: list[Path], place: Path) -> dict[str, Any]:
    features = FeatureConfig(cache_dir=str(place / "cache"), device="cpu")
    if name == "local":
        HybridFeatureExtractor(features.replace(cache_dir=str(place / "warm")), workers=1).extract_raw(
            warming, label=""
        )
        return {"configuration": name, "images": len(files), **_extracted(features, files, None, None)}
    with (
        running(place / "cluster", WORKERS[name]) as processes,
        computing(ComputeConfig(engine="dask", scheduler=processes.address), shared=place) as cluster,
    ):
        assert cluster is not None
        cluster.client.wait_for_workers(WORKERS[name], timeout=120)
        warm = HybridFeatureExtractor(features.replace(cache_dir=str(place / "warm")))
        warm.extract_raw(warming, label="")
        victim = processes.workers[0] if name == "killed" else None
        run = {"configuration": name, "images": len(files), **_extracted(features, files, processes, victim)}
        run["workers_at_the_end"] = len(cluster.client.ncores())
    shutil.rmtree(place)
    return run


def _extracted(features: FeatureConfig, files: list[Path], processes: Processes | None, victim: Any) -> dict[str, Any]:
    digests: dict[str, Any] = {}  # one a block: how the rows are cut into parts is no difference
    done = 0
    extractor = HybridFeatureExtractor(features, workers=1)
    extractor.extract_raw(files[:1], label="")  # the client's own part: the network it sends
    used = [psutil.Process(p.pid) for p in processes.workers] if processes else [psutil.Process()]
    beside = [psutil.Process(), psutil.Process(processes.scheduler.pid)] if processes else []
    before, before_beside, began = sum(map(_cpu, used)), [*map(_cpu, beside)], time.perf_counter()
    for _, part in extractor.iter_raw(files, label=""):
        for name, rows in part.blocks.items():
            digests.setdefault(name, hashlib.sha256()).update(np.ascontiguousarray(rows))
        done += len(part)
        last = time.perf_counter()
        if victim is not None and done >= len(files) / 2:
            os.kill(victim.pid, signal.SIGKILL)
            victim = None
    seconds = time.perf_counter() - began
    cpu = None if any(p.status() == psutil.STATUS_ZOMBIE for p in used) else sum(map(_cpu, used)) - before
    client, scheduler = [_cpu(p) - b for p, b in zip(beside, before_beside, strict=True)] or (None, None)
    size = sum(p.stat().st_size for p in Path(features.cache_dir).rglob("*.shard"))
    return {
        "seconds": seconds, "merging_seconds": began + seconds - last, "cpu_seconds": cpu,
        "client_cpu_seconds": client, "scheduler_cpu_seconds": scheduler,
        "cache_bytes": size, "features": {name: digest.hexdigest() for name, digest in digests.items()},
    }  # fmt: skip


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _write_table() -> None:
    kept = json.loads(RESULTS.read_text(encoding="utf-8"))
    text = DOCS.read_text(encoding="utf-8")
    before, rest = text.split(START)
    DOCS.write_text(
        f"{before}{START}\n\n{_table(kept['runs'])}\n\n{_model(kept)}\n\n{END}{rest.split(END)[1]}", encoding="utf-8"
    )


def _table(runs: list[dict[str, Any]]) -> str:
    by_name = {name: [r for r in runs if r["configuration"] == name] for name in WORKERS}
    medians = {name: statistics.median(r["seconds"] for r in there) for name, there in by_name.items() if there}
    told = {
        "local": "this process, one thread", "one": "one worker", "two": "two workers",
        "killed": "two workers, one killed half-way",
    }  # fmt: skip
    lines = [
        "| computed by | runs | images | seconds, median (range) | one worker's / these | "
        "CPU seconds a 1,000 images: workers, client, scheduler |",
        "|---|---|---|---|---|---|",
    ]
    for name, median in medians.items():
        there = by_name[name]
        seconds = [r["seconds"] for r in there]
        parts = [_each_thousand(there, f"{part}cpu_seconds") for part in ("", "client_", "scheduler_")]
        ratio = f"{medians['one'] / median:.2f}" if "one" in medians else ""
        lines.append(
            f"| {told[name]} | {len(there)} | {there[0]['images']:,} | {median:.1f} ({min(seconds):.1f}-"
            f"{max(seconds):.1f}) | {ratio} | {', '.join(parts)} |"
        )
    same = all(r["features"] == runs[0]["features"] for r in runs)
    kilobytes = statistics.median(r["cache_bytes"] / r["images"] for r in runs) / 1000
    lines += [
        "",
        f"Features of all {len(runs)} runs: {'the same bytes' if same else 'NOT THE SAME'}. "
        f"In the cache: {kilobytes:.1f} KB an image.",
    ]
    return "\n".join(lines)


def _model(kept: dict[str, Any]) -> str:
    """Return the cost of more photographs and machines: arithmetic on what was measured, and on what is assumed."""
    one = [run for run in kept["runs"] if run["configuration"] == "one"]
    every = [run for run in kept["runs"] if run["client_cpu_seconds"] is not None]
    worker = statistics.median(run["cpu_seconds"] / run["images"] for run in one)
    client = statistics.median(run["client_cpu_seconds"] / run["images"] for run in every)
    stages = {name: statistics.median(run["milliseconds"][name] for run in kept["stages"]) for name in
              kept["stages"][0]["milliseconds"]}  # fmt: skip
    large = statistics.median(run["reading_12mp"] for run in kept["stages"])
    network = stages["cnn"] / sum(stages.values())  # the stages come with the network's pass
    kilobytes = statistics.median(run["cache_bytes"] / run["images"] for run in every) / 1000
    told = ", ".join(f"{name} {cost:.2f}" for name, cost in stages.items() if name != "stages")
    lines = [
        f"CPU milliseconds of one photograph alone, by stage: {told} (the stages of the network come with `cnn`); "
        f"reading one of 12 megapixels: {large:.1f}.",
        "",
        f"With c = {1000 * worker:.1f} CPU seconds of workers and s = {1000 * client:.2f} of the client for 1,000:",
        "",
        "| machines | 10⁶ photographs | 10⁸ photographs | bound by |",
        "|---|---|---|---|",
    ]
    for name, threads, gpus in MACHINES:
        on_cpus = worker * ((1 - network) if gpus else 1) / threads
        parts = {"workers": on_cpus, "client": client, **({"GPU": 1 / (GPU_RATE * gpus)} if gpus else {})}
        bound = max(parts, key=lambda part: parts[part])
        lines.append(f"| {name} | {_told(1e6 * parts[bound])} | {_told(1e8 * parts[bound])} | {bound} |")
    lines += ["", f"Cache: {kilobytes:.1f} GB at 10⁶, {kilobytes / 10:.1f} TB at 10⁸."]
    return "\n".join(lines)


def _told(seconds: float) -> str:
    for size, unit in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.2g} {unit}" if seconds < 100 * size else f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _each_thousand(runs: list[dict[str, Any]], name: str) -> str:
    found = [1000 * run[name] / run["images"] for run in runs if run[name] is not None]
    return f"{statistics.median(found):.2f}" if found else "-"


if __name__ == "__main__":
    main()
