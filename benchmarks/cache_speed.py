"""How fast a warm cache is, beside joblib.Memory and one .npy file an image.

    python benchmarks/cache_speed.py [--images FOLDER ...]

Each figure is the median of --repeats new processes, files in the page cache: 50,000 rows of 1,280 float32 as an array.
With --images, also the features of up to 2,000 photographs of each folder, by the default blocks. Prints a table and
writes benchmarks/results/cache_speed.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
from numpy.typing import NDArray

from ai_models.core.settings import FeatureConfig
from ai_models.features import FeatureCache, HybridFeatureExtractor

RESULTS = Path(__file__).parent / "results" / "cache_speed.json"
BLOCK = f"cnn-{'0' * 32}"
ROWS, WIDTH, CHUNK = 50_000, 1280, 512
SUFFIXES = (".jpg", ".jpeg", ".png")
_LIMIT = 4 * 10**9


def keys() -> list[str]:
    return [hashlib.sha256(str(i).encode()).hexdigest() for i in range(ROWS)]


def rows(start: int, stop: int) -> NDArray[np.float32]:
    return np.random.default_rng(start).normal(size=(stop - start, WIDTH)).astype(np.float32)


def describe(name: str, row: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Stand for the computation of features: joblib keeps its result by name."""
    if row is None:
        raise RuntimeError(f"joblib does not know {name}")
    return row


def fill(folder: Path) -> None:
    """Write the same rows in all three ways."""
    cache, names = FeatureCache(folder / "cache", _LIMIT), keys()
    described = _memory(folder)
    (folder / "npy").mkdir()
    for start in range(0, ROWS, CHUNK):
        part = rows(start, min(start + CHUNK, ROWS))
        if not cache.put(BLOCK, names[start : start + CHUNK], part):
            raise RuntimeError("the disk is full")
        for name, row in zip(names[start : start + CHUNK], part, strict=True):
            np.save(folder / "npy" / f"{name}.npy", row)
            described(name, row)
    cache.merge(BLOCK, names)


def _memory(folder: Path) -> Callable[..., NDArray[np.float32]]:
    memory: Callable[..., NDArray[np.float32]] = joblib.Memory(folder / "joblib", verbose=0).cache(
        describe, ignore=["row"]
    )
    return memory


# -- each in a process of its own --------------------------------------------------------------------------------------


def view(folder: Path) -> dict[str, float]:
    """Seconds until the rows are found; until they are there, hashed; and once they have been hashed."""
    names, began = keys(), time.perf_counter()
    cache = FeatureCache(folder / "cache", _LIMIT)
    if not cache.has(BLOCK, names):
        raise RuntimeError("the cache does not know all rows")
    found = time.perf_counter()
    first = cache.view(BLOCK, names)
    hashed = time.perf_counter()
    again = cache.view(BLOCK, names)
    ended = time.perf_counter()
    if first is None or again is None or first.flags.owndata:
        raise RuntimeError("no view")
    _check(first)
    as_view = found - began + ended - hashed
    return {"as a view": as_view, "hashed as well, in addition": hashed - began - as_view}


def copied(folder: Path) -> dict[str, float]:
    """Seconds until the rows are in memory of one's own, hashed."""
    names, began = keys(), time.perf_counter()
    read, present = FeatureCache(folder / "cache", _LIMIT).read(BLOCK, names)
    took = time.perf_counter() - began
    _check(read[present])
    return {"as a copy, hashed": took}


def files(folder: Path) -> dict[str, float]:
    """Seconds for one .npy file an image; nothing is hashed."""
    names, began = keys(), time.perf_counter()
    read = np.stack([np.load(folder / "npy" / f"{name}.npy") for name in names])
    took = time.perf_counter() - began
    _check(read)
    return {"one .npy file an image": took}


def memory(folder: Path) -> dict[str, float]:
    """Seconds for joblib.Memory, a call an image; nothing is hashed."""
    names, described, began = keys(), _memory(folder), time.perf_counter()
    read = np.stack([described(name) for name in names])
    took = time.perf_counter() - began
    _check(read)
    return {"joblib.Memory, a call an image": took}


def photographs(folder: Path) -> dict[str, float]:
    """Seconds for the raw features of photographs by the default blocks: first run, then as known."""
    listed = json.loads((folder / "photographs.json").read_text())
    began = time.perf_counter()
    extractor = HybridFeatureExtractor(FeatureConfig(cache_dir=str(folder / "features"), max_cache_size_gb=8.0))
    extractor.extract_raw(listed, label="")
    took = time.perf_counter() - began
    return {"computed" if extractor.cache_stats["misses"] else "known": took}


def _check(read: NDArray[np.float32]) -> None:
    start = (ROWS - 1) // CHUNK * CHUNK
    if read.shape != (ROWS, WIDTH) or not np.array_equal(read[start:], rows(start, ROWS)):
        raise RuntimeError("other rows than were written")


MEASURES: dict[str, Callable[[Path], dict[str, float]]] = {
    measure.__name__: measure for measure in (view, copied, files, memory, photographs)
}


def median_of(measure: str, folder: Path, repeats: int) -> dict[str, float]:
    """Run a measure in new processes; return the median of each of its figures."""
    found: dict[str, list[float]] = {}
    for _ in range(repeats):
        command = [sys.executable, __file__, "--measure", measure, "--folder", str(folder)]
        for name, seconds in json.loads(subprocess.run(command, check=True, capture_output=True).stdout).items():
            found.setdefault(name, []).append(seconds)
    return {name: round(statistics.median(seconds), 4) for name, seconds in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, nargs="*", default=[], help="folders of photographs")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="keep what is written here, and use it again")
    parser.add_argument("--measure", choices=list(MEASURES), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(MEASURES[asked.measure](asked.folder)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        if not (folder / "npy").exists():
            fill(folder)
        results: dict[str, dict[str, float]] = {"50,000 x 1,280 float32": {}}
        for measure in ("view", "copied", "files", "memory"):
            results["50,000 x 1,280 float32"] |= median_of(measure, folder, asked.repeats)
        for images in asked.images:
            listed = [str(path) for path in sorted(images.rglob("*")) if path.suffix.lower() in SUFFIXES][:2000]
            (folder / "photographs.json").write_text(json.dumps(listed))
            name = f"{len(listed):,} photographs of {statistics.mean(map(_size, listed)) / 1000:.0f} KB"
            results[name] = median_of("photographs", folder, 1) | median_of("photographs", folder, asked.repeats)
    for name, figures in results.items():
        print(name)
        for what, seconds in figures.items():
            print(f"  {what:<32}{seconds:8.3f} s")
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def _size(path: str) -> int:
    return Path(path).stat().st_size


if __name__ == "__main__":
    main()
