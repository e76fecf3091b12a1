"""What a cache of features comes to after kills, power losses, flipped bits and failing disks.

    python benchmarks/cache_survival.py

Runs on a folder of its own below --folder (the disk that is tested), prints a table and writes
benchmarks/results/cache_survival.json. Every wrong row, lost row and failed job is counted; all should be 0.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cache_faults import Job, flip_bits, injections
from cache_kills import kill
from cache_power_loss import HOWS, record, replay

RESULTS = Path(__file__).parent / "results" / "cache_survival.json"


def kills(folder: Path, count: int) -> dict[str, Any]:
    """Kill 4 writers and 2 readers `count` times."""
    return kill(folder, count).as_dict()


def power_losses(folder: Path, count: int) -> dict[str, Any]:
    """Replay at least `count` losses of power, spread over the moments of one recording."""
    recording = record(folder / "recorded")
    moments = len(recording.operations) + 1
    found: Counter[str] = Counter({"operations": moments - 1, "replays": 0, "served": 0, "wrong": 0, "lost": 0})
    seeds = -(-count // (moments * len(HOWS)))
    stride = max(1, moments * len(HOWS) // count)
    for number in range(0, seeds * moments * len(HOWS), stride):
        seed, at = divmod(number, moments * len(HOWS))
        how, stop = HOWS[at % len(HOWS)], at // len(HOWS)
        with tempfile.TemporaryDirectory(dir=folder) as place:
            reopened = replay(recording, stop, how, seed, Path(place))
        found.update(replays=1, **reopened._asdict())
    return dict(found)


def bit_flips(folder: Path, count: int) -> dict[str, Any]:
    """Flip `count` bits, one at a time."""
    return flip_bits(folder, count)._asdict()


def disk_faults(folder: Path, count: int) -> dict[str, Any]:
    """Let operations of a job fail; a `count` of 0 takes each in turn, another about so many."""
    job = Job()
    outcomes: Counter[str] = Counter()
    for what, *ended in injections(job, folder, count):
        outcomes["injected"] += 1
        for end in ended:
            if end != "right":
                outcomes["wrong value" if end == "wrong" else "failed job"] += 1
                print(f"{what}: {ended}", file=sys.stderr)
    return {"wrong value": 0, "failed job": 0, **outcomes}


PARTS: dict[str, tuple[Callable[[Path, int], dict[str, Any]], int]] = {
    "kills": (kills, 2000),
    "power losses": (power_losses, 2000),
    "bit flips": (bit_flips, 10_000),
    "disk faults": (disk_faults, 0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="on the disk to test")
    parser.add_argument("--part", choices=list(PARTS), help="only one of them; the others keep their last figures")
    parser.add_argument("--count", type=int, help="how many, with --part")
    asked = parser.parse_args()
    logging.disable(logging.WARNING)  # each fault is announced, and there are thousands
    results = json.loads(RESULTS.read_text()) if asked.part and RESULTS.exists() else {}
    for name, (part, count) in PARTS.items():
        if asked.part in (None, name):
            began = time.perf_counter()
            with tempfile.TemporaryDirectory(dir=asked.folder) as place:
                results[name] = part(Path(place), asked.count if asked.count is not None else count)
            results[name]["seconds"] = round(time.perf_counter() - began, 1)
    for name, figures in results.items():
        print(f"{name:<13}" + ", ".join(f"{what.replace('_', ' ')} {value:,}" for what, value in figures.items()))
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
