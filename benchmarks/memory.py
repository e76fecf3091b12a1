"""Peak memory of `extract` against the number of images: it must not grow.

    python benchmarks/memory.py FOLDER [--counts 1000 10000] [--light 1000 100000] [--json FILE]

Photographs of FOLDER are repeated by hard links, features are written part by part as the command does, no cache. Every
count runs in a process of its own, whose peak resident size is told: for all default blocks, and (``--light``) for
patterns and colour alone, which are fast enough for the largest counts. Rows of earlier runs stay in the file.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import machine_facts

from ai_models.core.images import walk_images
from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.settings import FeatureConfig
from ai_models.features import registered
from ai_models.features.table import write_features

HERE = Path(__file__).parent
LIGHT = {f"use_{name}_features": False for name in ("cnn", "hog", "sift")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--counts", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--light", type=int, nargs="*", default=[1_000, 100_000])
    parser.add_argument("--json", type=Path, default=HERE / "results" / "memory.json")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(_extracted(given.folder, light=given.child == "light")))
        return
    for kind, count in [("all", n) for n in given.counts] + [("light", n) for n in given.light]:
        row = _measured(given.folder, count, kind)
        rows = json.loads(given.json.read_text())["rows"] if given.json.is_file() else []
        known = [r for r in rows if (r["images"], r["blocks"]) != (row["images"], row["blocks"])]
        rows = sorted([*known, row], key=lambda r: (-len(r["blocks"]), r["images"]))
        _write(given.json, rows)


def _write(file: Path, rows: list[dict[str, Any]]) -> None:
    table = [
        "| images | blocks | peak of the process, MB | features on disk, MB | seconds |",
        "|---|---|---|---|---|",
        *(
            f"| {r['images']:,} | {r['blocks']} | **{r['peak_mb']:.0f}** | {r['written_mb']:.0f} | {r['seconds']:.0f} |"
            for r in rows
        ),
        "\nTwo workers; seconds while other programs ran, so they say nothing about speed.",
    ]
    print("\n".join(table))
    file.write_text(json.dumps({"machine": machine_facts(), "rows": rows, "table": table}, indent=1) + "\n")


def _measured(folder: Path, count: int, kind: str) -> dict[str, Any]:
    sources = [folder / name for name in walk_images(folder)]
    with tempfile.TemporaryDirectory() as place:
        images = Path(place) / "images"
        images.mkdir()
        firsts = [images / f"{i:06}{source.suffix}" for i, source in enumerate(sources[:count])]
        for first, source in zip(firsts, sources, strict=False):
            first.write_bytes(source.read_bytes())
        for i in range(len(firsts), count):
            first = firsts[i % len(firsts)]
            os.link(first, images / f"{i:06}{first.suffix}")
        command = [sys.executable, __file__, place, "--child", kind]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(row, flush=True)
    return row


def _extracted(place: Path, *, light: bool) -> dict[str, Any]:
    names = sorted(path.name for path in (place / "images").iterdir())
    manifest = Manifest(place / "images", tuple(ImageRecord(n, label="a", split=Split.TRAIN) for n in names))
    if not light:
        registered("cnn")(FeatureConfig(device="cpu")).model_bytes()  # exported once, into the usual cache
    features = FeatureConfig(cache_features=False, device="cpu", **(LIGHT if light else {}))
    began = time.perf_counter()
    told = write_features(manifest, place / "features", features=features, workers=2)
    return {
        "images": len(names),
        "blocks": ", ".join(told.blocks),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "written_mb": (place / "features" / "features.npy").stat().st_size / 2**20,
        "seconds": time.perf_counter() - began,
    }


if __name__ == "__main__":
    main()
