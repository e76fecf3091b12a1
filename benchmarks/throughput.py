"""Images a second of the whole extraction, as ratios in one run: to the naive pipeline, to the bound, to two processes.

    python benchmarks/throughput.py --data FOLDER [--rounds 5] [--images 384] [--large 96]
    python benchmarks/throughput.py --table

In every round each of these describes the same image files, one after the other, on an otherwise idle machine:

* the naive pipeline (``naive_pipeline.py``, frozen), as many threads as its libraries take;
* the bound: the processor time of every stage alone on one thread (reading, decoding, each block, encoding), added up
  and divided by the cores;
* ours, on all cores, from files to encoded vectors, no cache;
* two processes that share nothing, each with half of the images on one thread.

A ratio is taken within its round, and the median over rounds is told. Two sorts of images are made of the photographs
of FOLDER: JPEGs of 224 x 224 pixels, and JPEGs of 4,000 x 3,000 (enlarged, with a camera's noise). Every run adds a
line to ``results/throughput.jsonl``; ``--table`` writes the last of them into ``docs/speed.md``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from idle import Clock
from machine import machine_facts
from speed_page import write_page

from ai_models.core.images import read_bytes, read_image, resize, walk_images
from ai_models.core.settings import FeatureConfig, PreprocessConfig
from ai_models.execution import single_threaded_libraries
from ai_models.features import HybridFeatureExtractor, registered
from ai_models.features.working import seen

HERE = Path(__file__).parent
HISTORY = HERE / "results" / "throughput.jsonl"
NAIVE = "76beeeceb2dd51c08774b3ab84fae973f80dbf1178b24d63055382401284d6e7"
"""SHA-256 of ``naive_pipeline.py`` as it was before the engine was written."""
BACKENDS = ("onnxruntime", "openvino")
LARGE = (4000, 3000)
CLOCK = Clock()
DISTINCT = {"224 px": 128, "12 MP": 96}  # more than a chunk holds, also of each half: equal files are described once
NAIVELY = {"224 px": 48, "12 MP": 12}  # images of the naive pipeline in a round: it is slow


def main() -> None:
    arguments = _arguments()
    if arguments.child:
        _child(arguments.child)
        return
    if arguments.data:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            record = {"when": time.strftime("%Y-%m-%d %H:%M"), "machine": machine_facts(), "sorts": {}}
            for sort, count in (("224 px", arguments.images), ("12 MP", arguments.large)):
                if count:
                    files = _files(arguments.data, Path(folder), sort)
                    record["sorts"][sort] = _measured(sort, files, count, arguments.rounds, stack)
        disturbed = sum(found["disturbed"] for found in record["sorts"].values())
        if disturbed:
            sys.exit(
                f"{disturbed} timings were disturbed by other programs: nothing is recorded, measure on an idle machine"
            )
        with HISTORY.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(record) + "\n")
    if arguments.table:
        write_page(HISTORY)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of photographs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=384, help="224 px images a round; 0 for none")
    parser.add_argument("--large", type=int, default=96, help="12 MP photographs a round; 0 for none")
    parser.add_argument("--table", action="store_true", help="write docs/speed.md")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not (arguments.data or arguments.table or arguments.child):
        parser.error("give --data FOLDER to measure, or --table to write what was measured")
    if hashlib.sha256((HERE / "naive_pipeline.py").read_bytes()).hexdigest() != NAIVE:
        parser.error("naive_pipeline.py is frozen, but its SHA-256 is another: undo the change")
    return arguments


def _files(data: Path, folder: Path, sort: str) -> list[Path]:
    """Write photographs of one sort, all different."""
    sources = [data / name for name in walk_images(data)][: DISTINCT[sort]]
    if len(sources) < min(DISTINCT.values()):
        sys.exit(f"'{data}' holds {len(sources)} photographs, at least {min(DISTINCT.values())} are needed")
    written = []
    for i, source in enumerate(sources):
        image = read_image(source)
        if sort == "12 MP":
            noise = np.random.default_rng(i).normal(0, 4, (*LARGE[::-1], 3))
            large = cv2.resize(image, LARGE, interpolation=cv2.INTER_CUBIC)
            image = np.clip(large + noise, 0, 255).astype(np.uint8)
        else:
            image = resize(image, 224)
        written.append(folder / f"{sort[:2]}-{i:03}.jpg")
        cv2.imwrite(str(written[-1]), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    return written


def _measured(sort: str, files: list[Path], count: int, rounds: int, stack: ExitStack) -> dict[str, Any]:
    from naive_pipeline import NaivePipeline

    naive = NaivePipeline()
    naive.fit_codebook(files[:24])
    many = (files * -(-count // len(files)))[:count]
    ours = {name: extractor(name, 0).fit(files) for name in BACKENDS}
    pairs = {name: [stack.enter_context(_Half(name, many[i::2])) for i in range(2)] for name in BACKENDS}
    for file in files[:4]:
        naive.describe(file)
    found: list[dict[str, Any]] = []
    for turn in range(rounds):
        taken: dict[str, Any] = {
            "naive": CLOCK.seconds(lambda: [naive.describe(f) for f in many[: NAIVELY[sort]]]) / NAIVELY[sort]
        }
        for name in BACKENDS:
            taken[name] = {
                "stages": _stages(ours[name], many[:48]),
                "ours": CLOCK.seconds(lambda n=name: ours[n].extract_batch(many)) / count,
                "pair": CLOCK.seconds(lambda n=name: _together(pairs[n])) / count,
            }
        found.append(taken)
        _tell(sort, turn, taken)
    megabytes = sum(f.stat().st_size for f in files) / len(files) / 1e6
    return {"images": count, "megabytes": megabytes, "disturbed": CLOCK.disturbed, "rounds": found}


def extractor(backend: str, workers: int) -> HybridFeatureExtractor:
    """Return the default blocks, no cache."""
    registered("cnn")(FeatureConfig(device="cpu")).model_bytes()  # exported once, into the usual cache
    config = FeatureConfig(cache_features=False, device="cpu", cnn_backend=backend)
    return HybridFeatureExtractor(config, workers=workers)


def _stages(ours: HybridFeatureExtractor, files: list[Path]) -> dict[str, float]:
    """Return seconds an image of each stage, alone on one thread: its processor time, so that others cost nothing."""
    taken: dict[str, float] = {}
    size = ours.blocks[0].image_size

    def stage(name: str, work: Callable[[], Any]) -> None:
        began = time.thread_time()
        work()
        taken[name] = (time.thread_time() - began) / len(files)

    with single_threaded_libraries():
        stage("reading", lambda: [read_bytes(f) for f in files])
        data = [read_bytes(f) for f in files]
        stage("decoding, quality", lambda: [seen(d, (size,), PreprocessConfig(), size) for d in data])
        images = [seen(d, (size,), PreprocessConfig(), None)[0][size] for d in data]
        network = [block for block in ours.blocks if block.name in ("cnn", "stages")]  # one pass serves both
        stage("network", lambda: [block.extract_many(images) for block in network])
        for block in ours.blocks:
            if block not in network:
                stage(block.name, lambda b=block: b.extract_many(images))
        raw = ours.extract_raw(files, label="")
        stage("encoding", lambda: ours.encode(raw))
    return taken


def _tell(sort: str, turn: int, taken: dict[str, Any]) -> None:
    cores = os.cpu_count() or 1
    for name in BACKENDS:
        t = taken[name]
        bound = sum(t["stages"].values()) / cores
        print(
            f"{sort} {turn + 1} {name:<12}{1 / t['ours']:6.0f} img/s   naive {1 / taken['naive']:4.0f}   "
            f"x{taken['naive'] / t['ours']:5.2f} the naive   {bound / t['ours']:6.1%} of the bound   "
            f"{t['pair'] / t['ours']:6.1%} of two processes",
            flush=True,
        )


class _Half:
    """Another process that extracts its files on one thread whenever it is told to."""

    def __init__(self, backend: str, files: list[Path]) -> None:
        command = [sys.executable, __file__, "--child", backend]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.tell(json.dumps([str(file) for file in files]))
        self.hear()

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> None:
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise RuntimeError("a child has ended")

    def __enter__(self) -> _Half:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _together(halves: list[_Half]) -> None:
    for half in halves:
        half.tell("go")
    for half in halves:
        half.hear()


def _child(backend: str) -> None:
    files = json.loads(sys.stdin.readline())
    ours = extractor(backend, 1).fit(files[:12])
    print("ready", flush=True)
    for _ in sys.stdin:
        ours.extract_batch(files)
        print("done", flush=True)


if __name__ == "__main__":
    main()
