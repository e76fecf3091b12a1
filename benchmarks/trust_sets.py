"""Prediction sets as most people would make them: MAPIE's cross-conformal sets of a logistic regression, by rows.

    python benchmarks/trust_sets.py DATASET [--groups CSV] [--seeds 10] [--json FILE]

On the embedding and the frozen folds of `trust_folders`, 90 % asked for. MAPIE splits rows at random inside the fitting
rows, so photographs of one object calibrate what they were fitted on: where objects were photographed several times,
its sets hold the true class of a new object less often than they say.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
from mapie.classification import CrossConformalClassifier
from sklearn.linear_model import LogisticRegression
from trust_folders import PROTOCOL, _held_to, _rows, _unit

from ai_models.core.settings import FeatureConfig, InspectionConfig
from ai_models.crossfit.rows import FittingRows
from ai_models.execution import single_threaded_libraries
from ai_models.features import HybridFeatureExtractor
from ai_models.inspection import scan

COVERAGE = 0.9


def sets(X: np.ndarray, rows: FittingRows, seed: int) -> np.ndarray:
    """Return bool (n, k), each row judged by what was fitted and calibrated on the other folds."""
    found = np.zeros((len(rows), len(rows.classes)), dtype=bool)
    for fold in np.unique(rows.folds):
        fitting, scored = rows.folds != fold, rows.folds == fold
        peer = CrossConformalClassifier(
            LogisticRegression(C=100, max_iter=2000), confidence_level=COVERAGE, cv=5, random_state=seed
        )
        with warnings.catch_warnings():  # on a class with fewer rows than its own folds
            warnings.simplefilter("ignore", UserWarning)
            peer.fit_conformalize(X[fitting], rows.y[fitting])
        found[scored] = peer.predict_set(X[scored])[1][:, :, 0]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--groups", help="CSV file,group of the objects")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--cache-dir", default="feature_cache")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    protocol = json.loads(PROTOCOL.read_text(encoding="utf-8"))
    dataset = Path(arguments.dataset)
    manifest = scan(dataset, InspectionConfig(quick_mode=True), groups_csv=arguments.groups).manifest
    only = FeatureConfig(cache_dir=arguments.cache_dir).with_blocks("cnn")
    X = _unit(HybridFeatureExtractor(only).extract_raw(manifest.files).blocks["cnn"].astype(np.float64))
    draws = []
    for seed in protocol["fold_seeds"][: arguments.seeds]:
        rows = _rows(manifest, protocol["folds"], seed)
        _held_to(protocol, dataset.name, seed, rows, freeze=False)
        with single_threaded_libraries():
            found = sets(X, rows, seed)
        draws.append({
            "coverage": float(found[np.arange(len(rows)), rows.y].mean()), "set_size": float(found.sum(axis=1).mean()),
        })  # fmt: skip
    mean = {key: float(np.mean([d[key] for d in draws])) for key in draws[0]}
    print(f"{dataset.name}: MAPIE's sets hold the true class {mean['coverage']:.3f} ({COVERAGE} asked), size "
          f"{mean['set_size']:.2f}, {len(draws)} fold seeds")  # fmt: skip
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"dataset": dataset.name, "mean": mean, "draws": draws}, indent=1))


if __name__ == "__main__":
    main()
