"""What SIFT costs against what it is worth: the table that decides how dense the grids are, and who computes them.

    python benchmarks/sift_cost.py FOLDER[:GROUPS.csv] ... [--seeds 3] [--json FILE]

Each variant is encoded as VLAD with a codebook of the fitting folds, and a logistic regression scored on grouped folds:
on the encoding alone, and on it beside the embedding and the stages of the network, each block at length 1. Cost is
processor time of one thread for one 224 px image.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from machine import machine_facts
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from ai_models.core.images import RGBImage, read_bytes, resize, walk_images
from ai_models.core.settings import FeatureConfig, PreprocessConfig
from ai_models.execution import single_threaded_libraries
from ai_models.features import HybridFeatureExtractor
from ai_models.features.dense_sift import dense_sift, grid
from ai_models.features.encoder import VladEncoder
from ai_models.features.working import working_image
from ai_models.folds import assign_folds
from ai_models.metrics import balanced_accuracy, nll

HERE = Path(__file__).parent
FOLDS = 5
Grids = tuple[tuple[int, int, float], ...]  # side, step, width of a bin
VARIANTS: dict[str, tuple[str, Grids]] = {
    "OpenCV, 112/8 + 56/7": ("opencv", ((112, 8, 6.0), (56, 7, 6.0))),
    "**ours, 112/8 + 56/7**": ("ours", ((112, 8, 6.0), (56, 7, 6.0))),
    "ours, 112/8": ("ours", ((112, 8, 6.0),)),
    "ours, 56/7": ("ours", ((56, 7, 6.0),)),
    "ours, 112/6 + 56/4": ("ours", ((112, 6, 6.0), (56, 4, 6.0))),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", help="folder of class folders, a CSV of groups behind a colon")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path, default=HERE / "results" / "sift_cost.json")
    given = parser.parse_args()
    rows = [row for folder in given.folders for row in measured(*folder.partition(":")[::2], given.seeds)]
    table = [
        "| photographs | descriptors: by, side/step in pixels | points | ms | alone: balanced accuracy | NLL | "
        "beside the network: balanced accuracy | NLL |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {r['folder']} | {r['variant']} | {r['points']} | {r['ms']:.2f} | {r['alone'][0]:.3f} | "
            f"{r['alone'][1]:.3f} | {r['beside'][0]:.3f} | {r['beside'][1]:.3f} |"
            for r in rows
        ),
        f"\nMeans of {given.seeds} draws of {FOLDS} grouped folds.",
    ]
    print("\n".join(table))
    given.json.write_text(json.dumps({"machine": machine_facts(), "rows": rows, "table": table}, indent=1) + "\n")


def measured(folder: str, groups: str, seeds: int) -> list[dict[str, Any]]:
    """Return a row a variant, and first one without SIFT."""
    names = list(walk_images(Path(folder)))
    files, classes = [Path(folder) / name for name in names], [Path(name).parts[0] for name in names]
    objects = _groups(names, groups)
    off = {f"use_{name}_features": False for name in ("hog", "lbp", "sift", "colour")}
    network = HybridFeatureExtractor(FeatureConfig(**off)).extract_raw(files, label="network")
    beside = np.hstack([normalize(network.blocks[name]) for name in ("cnn", "stages")])
    images = [working_image(read_bytes(f), 224, PreprocessConfig()) for f in files]
    labels = np.unique(classes, return_inverse=True)[1]
    folds = [np.asarray(assign_folds(classes, objects, FOLDS, seed=seed)) for seed in range(seeds)]
    without = _scored(lambda _: beside, labels, folds)
    rows = [
        {
            "folder": Path(folder).name,
            "variant": "none",
            "points": 0,
            "ms": 0.0,
            "alone": [np.nan] * 2,
            "beside": without,
        }
    ]
    for variant, (by, grids) in VARIANTS.items():
        describe = partial(_described, by=by, grids=grids)
        with single_threaded_libraries():
            raw = np.stack([describe(image) for image in images])
            cost = [_milliseconds(describe, images[:40]) for _ in range(5)]
        encoded = partial(_encoded, raw)
        rows.append(
            {
                "folder": Path(folder).name, "variant": variant, "points": raw.shape[1], "ms": float(np.median(cost)),
                "alone": _scored(encoded, labels, folds),
                "beside": _scored(lambda f, e=encoded: np.hstack([beside, e(f)]), labels, folds),
            }
        )  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def _groups(names: list[str], table: str) -> list[str]:
    """Return the object on each photograph: as the table says, else each its own."""
    if not table:
        return list(names)
    with open(table, encoding="utf-8", newline="") as stream:
        told = {row["file"]: row["group"] for row in csv.DictReader(stream)}
    return [told[name] for name in names]


def _described(image: RGBImage, *, by: str, grids: Grids) -> np.ndarray:
    found = []
    for side, step, width in grids:
        grey = cv2.cvtColor(resize(image, side), cv2.COLOR_RGB2GRAY)
        if by == "ours":
            found.append(dense_sift(grey, grid(side, step, width)))
        else:
            at = np.arange(step / 2, side, step)
            points = [cv2.KeyPoint(float(x), float(y), width / 1.5, 0) for y in at for x in at]
            found.append(cv2.SIFT.create().compute(grey, points)[1].astype(np.uint8))
    return np.concatenate(found)


def _encoded(raw: np.ndarray, fitting: np.ndarray) -> np.ndarray:
    return VladEncoder(0).fit(raw[fitting]).transform(raw)


def _scored(vectors: Callable[[np.ndarray], np.ndarray], labels: np.ndarray, draws: list[np.ndarray]) -> list[float]:
    """Return balanced accuracy and NLL, means over draws of folds; what is fitted sees the fitting folds alone."""
    figures = []
    for folds in draws:
        seen = np.zeros((len(labels), labels.max() + 1))
        for fold in range(FOLDS):
            fitting = folds != fold
            rows = vectors(fitting)
            model = LogisticRegression(C=100, max_iter=2000).fit(rows[fitting], labels[fitting])
            seen[~fitting] = model.predict_proba(rows[~fitting])
        figures.append([balanced_accuracy(labels, seen.argmax(axis=1), seen.shape[1]), nll(labels, seen)])
    return [float(value) for value in np.mean(figures, axis=0)]


def _milliseconds(describe: Callable[[RGBImage], np.ndarray], images: list[RGBImage]) -> float:
    began = time.thread_time()
    for image in images:
        describe(image)
    return 1000 * (time.thread_time() - began) / len(images)


if __name__ == "__main__":
    main()
