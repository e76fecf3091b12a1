"""How well the unusual is told, and how often the usual is called unusual, on folders of photographs.

    python benchmarks/trust_detection.py DATASET [--groups CSV] [--ood DIR ...] [--seeds 3] [--json FILE]

By detector and combined, on the embedding:

- AUROC of held-out known photographs against each foreign folder and against each class left out in turn. A known
  photograph is compared only by detectors that were fitted without its fold; nothing is ever fitted on foreign ones.
- The share of held-out known objects that are called unusual at a stated 5 %: detectors, combination and reference
  all come from the other folds, as in training. Beside it scikit-learn's IsolationForest with ``contamination=.05``,
  which is a quantile of its training scores.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from ai_models.core.images import walk_images
from ai_models.core.records import Manifest
from ai_models.core.rng import derive_seed
from ai_models.core.settings import FeatureConfig, InspectionConfig
from ai_models.crossfit.held_out_detection import COMBINED, compare_held_out
from ai_models.ensemble.outliers import DETECTORS, FoldDetectors, OutlierDetector, OutlierTest
from ai_models.evaluation.near_classes import pairwise_wins
from ai_models.execution import single_threaded_libraries
from ai_models.features import HybridFeatureExtractor
from ai_models.folds import assign_folds, largest_k
from ai_models.inspection import scan
from ai_models.metrics import grouped_share

ALPHA = 0.05
COLUMNS = (*DETECTORS, COMBINED)
Floats = NDArray[np.float64]


def main() -> None:
    arguments = _arguments()
    manifest = scan(
        Path(arguments.dataset), InspectionConfig(quick_mode=True, workers=arguments.workers),
        groups_csv=arguments.groups,
    ).manifest  # fmt: skip
    extractor = _embedding(arguments.cache_dir, arguments.workers)
    X = extractor.extract_raw(manifest.files).blocks["cnn"]
    folders = {Path(f).name: [Path(f) / name for name in walk_images(Path(f))] for f in arguments.ood}
    foreign = {name: extractor.extract_raw(files).blocks["cnn"] for name, files in folders.items()}
    groups = len(set(manifest.groups.tolist()))
    print(f"{arguments.dataset}: {len(manifest)} images, {groups} groups, {len(manifest.classes)} classes")
    print(f"{'AUROC against':>24} seed" + "".join(f"{name[:11]:>12}" for name in COLUMNS))
    results = []
    with single_threaded_libraries():
        for seed in range(arguments.seeds):
            results.append(_one_seed(manifest, X, foreign, seed))
            for name, row in results[-1]["auroc"].items():
                print(f"{name[:24]:>24} {seed:>4}" + "".join(f"{value:12.3f}" for value in row.values()), flush=True)
    mean = {
        name: {c: float(np.mean([r["auroc"][name][c] for r in results])) for c in COLUMNS}
        for name in results[0]["auroc"]
    }
    for name, row in mean.items():
        print(f"{name[:24]:>24} mean" + "".join(f"{value:12.3f}" for value in row.values()))
    for r in results:
        print(
            f"called unusual at {ALPHA:.0%}: {r['false_alarms']:.3f} [{r['low']:.3f}, {r['high']:.3f}] of known "
            f"objects; IsolationForest(contamination={ALPHA:g}): {r['isolation_forest']:.3f}"
        )
    if arguments.json:
        Path(arguments.json).write_text(
            json.dumps({"dataset": arguments.dataset, "seeds": results, "mean": mean}, indent=1)
        )


def _one_seed(manifest: Manifest, X: NDArray[np.float32], foreign: dict[str, NDArray[np.float32]], seed: int) -> dict:  # type: ignore[type-arg]
    labels, groups = manifest.labels, manifest.groups
    y = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    folds = assign_folds(labels, groups, 5, seed=seed)
    auroc = {name: _areas(X, y, folds, rows, seed) for name, rows in foreign.items()}
    left_out = {f"without {name}": row for name, row in _classes_left_out(X, labels, groups, folds, seed)}
    auroc |= left_out
    auroc["mean of classes"] = {c: float(np.mean([row[c] for row in left_out.values()])) for c in COLUMNS}
    called, by_forest = _false_alarms(X, y, groups, folds, seed)
    share = grouped_share(called, groups)
    return {
        "auroc": auroc,
        "false_alarms": share.estimate, "low": share.low, "high": share.high,
        "isolation_forest": grouped_share(by_forest, groups).estimate,
    }  # fmt: skip


def _areas(
    X: NDArray[np.float32], y: NDArray[np.int64], folds: NDArray[np.int64], foreign: NDArray[np.float32], seed: int
) -> dict[str, float]:
    compared = compare_held_out(X, y, folds, foreign, seed=seed)
    return {name: float(pairwise_wins(compared, column).mean()) for column, name in enumerate(COLUMNS)}


def _classes_left_out(
    X: NDArray[np.float32], labels: NDArray[np.str_], groups: NDArray[np.str_], folds: NDArray[np.int64], seed: int
) -> Iterator[tuple[str, dict[str, float]]]:
    for name in np.unique(labels).tolist():
        out = labels == name
        known = ~out & ~np.isin(groups, groups[out])
        y = np.unique(labels[known], return_inverse=True)[1].astype(np.int64)
        yield name, _areas(X[known], y, folds[known], X[out], seed)


def _false_alarms(
    X: NDArray[np.float32], y: NDArray[np.int64], groups: NDArray[np.str_], folds: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which photographs are called unusual by what was made without their fold, and by the plain forest."""
    called, by_forest = (np.zeros(len(X), dtype=np.bool_) for _ in range(2))
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    for fold in np.unique(folds):
        fitted, held = np.flatnonzero(folds != fold), folds == fold
        k = min(5, largest_k(y[fitted], groups[fitted]))
        inner = assign_folds(y[fitted], groups[fitted], k, seed=derive_seed(seed, "inner", int(fold)))
        scores = np.zeros((len(fitted), len(DETECTORS)))
        detectors = []
        for number in range(k):
            out = inner == number
            rows = fitted[~out]
            detectors.append(
                OutlierDetector((slice(None),), derive_seed(seed, "outliers", number)).fit(X[rows], y[rows])
            )
            scores[out] = detectors[-1].scores(X[fitted[out]])
        test = OutlierTest().fit(scores, groups[fitted], inner)
        called[held] = test.test(FoldDetectors(tuple(detectors)).scores(X[held]))[1] <= ALPHA
        forest = IsolationForest(n_estimators=200, contamination=ALPHA, random_state=seed).fit(unit[fitted])
        by_forest[held] = forest.predict(unit[held]) == -1
    return called, by_forest


def _embedding(cache_dir: str, workers: int) -> HybridFeatureExtractor:
    off = {f"use_{name}_features": False for name in ("hog", "lbp", "sift", "colour")}
    return HybridFeatureExtractor(FeatureConfig(cache_dir=cache_dir, **off), workers=workers)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="folder of class folders")
    parser.add_argument("--groups", help="CSV with the columns file,group")
    parser.add_argument("--ood", nargs="*", default=[], help="folders of foreign images, only ever measured on")
    parser.add_argument("--seeds", type=int, default=3, help="how many times the folds are drawn")
    parser.add_argument("--workers", type=int, default=0, help="threads; 0 for one a core")
    parser.add_argument("--cache-dir", default="feature_cache")
    parser.add_argument("--json", help="also write the figures here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
