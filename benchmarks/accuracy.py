"""Accuracy of the whole pipeline beside logistic regression on the same embedding, on the same grouped folds.

    python benchmarks/accuracy.py DATASET [--groups CSV] [--seeds 5] [--folds 5] [--json FILE]

Every fold fits everything (codebooks, scaling, settings, weights, temperature, thresholds) without the objects that
it is scored on. The logistic regression sees the embedding at unit length, with C = 100.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from ai_models.core.records import Manifest, Split
from ai_models.core.settings import FeatureConfig, InspectionConfig, TrainingConfig
from ai_models.crossfit.fitting import nested_predictions
from ai_models.crossfit.rows import FittingRows
from ai_models.features import HybridFeatureExtractor, RawFeatures
from ai_models.folds import assign_folds
from ai_models.inspection import scan
from ai_models.metrics import balanced_accuracy, ece, nll

_PIPELINE = {"bal.acc": "balanced_accuracy", "NLL": "nll", "ECE": "ece", "coverage": "coverage", "size": "set_size"}
_BASELINE = {"bal.acc ": "lr_balanced_accuracy", "NLL ": "lr_nll", "ECE ": "lr_ece"}


def main() -> None:
    arguments = _arguments()
    manifest = _manifest(Path(arguments.dataset), arguments.groups)
    features = FeatureConfig(cache_dir=arguments.cache_dir)
    extractor = HybridFeatureExtractor(features, workers=arguments.workers)
    raw = extractor.extract_raw(manifest.files)
    groups = len(set(manifest.groups.tolist()))
    print(f"{arguments.dataset}: {len(manifest)} images, {groups} groups, {len(manifest.classes)} classes")
    print(f"{'':>4}  {'pipeline':^45}{'logistic regression':^27}")
    print(f"{'seed':>4}  " + "".join(f"{name:>9}" for name in (*_PIPELINE, *_BASELINE)))
    results = []
    for seed in range(arguments.seeds):
        results.append(_one_seed(manifest, extractor, raw, seed, arguments.folds, arguments.workers))
        _print_row(str(seed), results[-1])
    mean = {key: float(np.mean([r[key] for r in results])) for key in results[0]}
    _print_row("mean", mean)
    gain = mean["balanced_accuracy"] - mean["lr_balanced_accuracy"]
    print(f"pipeline minus logistic regression: {gain:+.3f} balanced accuracy")
    if arguments.json:
        Path(arguments.json).write_text(
            json.dumps({"dataset": arguments.dataset, "seeds": results, "mean": mean}, indent=1)
        )


def _one_seed(
    manifest: Manifest, extractor: HybridFeatureExtractor, raw: RawFeatures, seed: int, k: int, workers: int
) -> dict[str, float]:
    folds = assign_folds(manifest.labels, manifest.groups, k, seed=seed)
    placed = {r.path: int(f) for r, f in zip(manifest, folds, strict=True)}
    rows = FittingRows.of(manifest.map(lambda r: replace(r, split=Split.TRAIN, fold=placed[r.path])))
    start = time.perf_counter()
    found = nested_predictions(extractor, raw, rows, TrainingConfig(seed=seed, workers=workers))
    seconds = time.perf_counter() - start
    plain = _logistic_regression(raw.blocks["cnn"], rows)
    classes, n = len(rows.classes), np.arange(len(rows))
    return {
        "balanced_accuracy": balanced_accuracy(rows.y, found.probabilities.argmax(axis=1), classes),
        "nll": nll(rows.y, found.probabilities),
        "ece": ece(rows.y, found.probabilities),
        "coverage": float(found.sets[n, rows.y].mean()),
        "set_size": float(found.sets.sum(axis=1).mean()),
        "false_alarms": float(np.mean([v == "ood" for v in found.verdicts])),
        "lr_balanced_accuracy": balanced_accuracy(rows.y, plain.argmax(axis=1), classes),
        "lr_nll": nll(rows.y, plain),
        "lr_ece": ece(rows.y, plain),
        "seconds": seconds,
    }


def _logistic_regression(embedding: NDArray[np.float32], rows: FittingRows) -> NDArray[np.float64]:
    X = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    out = np.zeros((len(X), len(rows.classes)))
    for fold in np.unique(rows.folds):
        fitting, scored = rows.folds != fold, rows.folds == fold
        out[scored] = LogisticRegression(C=100, max_iter=2000).fit(X[fitting], rows.y[fitting]).predict_proba(X[scored])
    return out


def _manifest(dataset: Path, groups: str | None) -> Manifest:
    return scan(dataset, InspectionConfig(quick_mode=True), groups_csv=groups).manifest


def _print_row(name: str, r: dict[str, float]) -> None:
    values = [r[key] for key in (*_PIPELINE.values(), *_BASELINE.values())]
    print(f"{name:>4}  " + "".join(f"{v:9.3f}" for v in values) + f"  ({r['seconds']:.0f} s)", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="folder of class folders")
    parser.add_argument("--groups", help="CSV with the columns file,group")
    parser.add_argument("--seeds", type=int, default=5, help="how many times the folds are drawn")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 for one a core")
    parser.add_argument("--cache-dir", default="feature_cache")
    parser.add_argument("--json", help="also write the figures here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
