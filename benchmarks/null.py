"""Data without a signal through the whole pipeline: any figure above chance is a leak.

    python benchmarks/null.py [DATASET ...] [--seeds 5]

Folders of pure noise, and the labels of each DATASET shuffled over its objects. Prints each accuracy with the exact
interval of chance, and exits with 1 when one lies above it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from ai_models.core.records import Manifest, Split
from ai_models.core.settings import FeatureConfig, InspectionConfig, TrainingConfig
from ai_models.crossfit.fitting import nested_predictions
from ai_models.crossfit.rows import FittingRows
from ai_models.features.hybrid import HybridFeatureExtractor
from ai_models.folds import assign_folds
from ai_models.inspection import scan
from ai_models.metrics import grouped_share

LEVEL = 0.999


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="*", metavar="DATASET")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cache-dir", default="feature_cache")
    arguments = parser.parse_args()
    features = FeatureConfig(cache_dir=arguments.cache_dir)
    leaks = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(arguments.seeds):
            leaks += _score(f"noise {seed}", _noise(Path(folder) / str(seed), seed), features, seed)
    for dataset in arguments.datasets:
        manifest = scan(dataset, InspectionConfig()).manifest
        for seed in range(arguments.seeds):
            leaks += _score(f"{Path(dataset).name} shuffled {seed}", _shuffled(manifest, seed), features, seed)
    print("no figure above chance" if not leaks else f"{leaks} figures above chance: a leak")
    return 1 if leaks else 0


def _noise(folder: Path, seed: int) -> Manifest:
    for label in "abcd":
        (folder / label).mkdir(parents=True)
        for i in range(25):
            pixels = np.random.default_rng([seed, ord(label), i]).integers(0, 256, (224, 224, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{i}.png")
    return scan(folder, InspectionConfig()).manifest


def _shuffled(manifest: Manifest, seed: int) -> Manifest:
    """Give each object the label of another one: its photographs stay alike and share a label."""
    groups, first = np.unique(manifest.groups, return_index=True)
    drawn = np.random.default_rng(seed).permutation(manifest.labels[first])
    label_of = dict(zip(groups.tolist(), drawn.tolist(), strict=True))
    labels = [label_of[g] for g in manifest.groups.tolist()]
    return replace(manifest, records=tuple(replace(r, label=c) for r, c in zip(manifest, labels, strict=True)))


def _score(name: str, manifest: Manifest, features: FeatureConfig, seed: int) -> int:
    folds = assign_folds(manifest.labels, manifest.groups, 5, seed=seed)
    placed = {r.path: int(f) for r, f in zip(manifest, folds, strict=True)}
    rows = FittingRows.of(manifest.map(lambda r: replace(r, split=Split.TRAIN, fold=placed[r.path])))
    extractor = HybridFeatureExtractor(features)
    found = nested_predictions(extractor, extractor.extract_raw(manifest.files), rows, TrainingConfig(seed=seed))
    right = int((found.probabilities.argmax(axis=1) == rows.y).sum())
    chance = float(np.bincount(rows.y).max() / len(rows))
    interval = grouped_share(found.probabilities.argmax(axis=1) == rows.y, rows.groups, LEVEL)
    above = interval.low > chance
    print(
        f"{name}: accuracy {right / len(rows):.3f} [{interval.low:.3f}, {interval.high:.3f}], chance {chance:.3f}",
        flush=True,
    )
    return int(above)


if __name__ == "__main__":
    sys.exit(main())
