"""Whether a learning curve of half of the objects foretells the balanced accuracy with all of them.

    python benchmarks/trust_learning.py DATASET [--groups CSV] [--seeds 5] [--json FILE]

Grouped 5-fold, the plain baseline of the learning curve. ``subsets``: every photograph is scored, but fits see at most
half of the training objects; the curve through these sizes is asked for all of them. ``half``: half of the objects are
set aside before anything is done, as if they had never been photographed (classes that keep fewer than 4 objects are
left out). Errors are prediction minus what was reached,
in points; ``se`` is the standard error that the curve itself states, ``inside`` whether its 95 % bounds hold what was
reached (``half``: the share of the halves). What was reached is itself an estimate: its standard error over objects is
printed beside it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.rng import derive_seed
from ai_models.core.settings import FeatureConfig, InspectionConfig
from ai_models.crossfit.learning_curve import CurvePoints, fit_for_a_curve, joint_points, score_subsets
from ai_models.features import HybridFeatureExtractor
from ai_models.folds import assign_folds
from ai_models.inspection import scan
from ai_models.metrics.error_curve import fit_error_curve

_REPEATS = 5


def main() -> None:
    arguments = _arguments()
    X, y, groups = features(Path(arguments.dataset), arguments.groups, arguments.cache_dir)
    name = Path(arguments.dataset).name
    print(f"{name}: {len(y)} images, {len(set(groups.tolist()))} objects, {y.max() + 1} classes")
    print(
        f"{'seed':>4} {'set':>8} {'predicted':>10} {'se':>6} {'reached':>8} {'se':>6} {'error':>7}  inside", flush=True
    )
    rows = []
    for seed in range(arguments.seeds):
        whole = _scored(X, y, groups, seed, arguments.workers)
        rows.append(_row(seed, "subsets", _up_to_half(whole), whole))
        for half in range(2):
            inside = assign_folds(y, groups, 2, seed=derive_seed(seed, "halves")) == half
            inside[inside] = fit_for_a_curve(y[inside], groups[inside])
            classes, codes = np.unique(y[inside], return_inverse=True)
            own = _scored(X[inside], codes.astype(np.int64), groups[inside], seed, arguments.workers)
            rows.append(_row(seed, "half", own, whole, classes.tolist()))
    summary = {kind: _summary(kind, [r for r in rows if r["set"] == kind]) for kind in ("subsets", "half")}
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"dataset": name, "rows": rows, "mean": summary}, indent=1))


def features(
    dataset: Path, groups_csv: str | None, cache_dir: str
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.str_]]:
    """Return the embedding at unit length, classes and objects of a folder."""
    manifest = scan(dataset, InspectionConfig(quick_mode=True), groups_csv=groups_csv).manifest
    config = FeatureConfig(
        use_hog_features=False, use_lbp_features=False, use_sift_features=False, use_colour_features=False,
        cache_dir=cache_dir,
    )  # fmt: skip
    block = HybridFeatureExtractor(config).extract_raw(manifest.files, label="").blocks["cnn"]
    X = (block / np.linalg.norm(block, axis=1, keepdims=True)).astype(np.float32)
    return X, np.unique(manifest.labels, return_inverse=True)[1].astype(np.int64), manifest.groups


def _scored(
    X: NDArray[np.float32], y: NDArray[np.int64], groups: NDArray[np.str_], seed: int, workers: int
) -> CurvePoints:
    points = joint_points(y, groups)
    return score_subsets(X, y, groups, points, repeats=_REPEATS, seed=seed, workers=workers)


def _up_to_half(points: CurvePoints) -> CurvePoints:
    return points.only(np.flatnonzero(points.objects <= 0.52 * points.objects[-1]))


def _row(seed: int, kind: str, seen: CurvePoints, whole: CurvePoints, classes: Sequence[int] = ()) -> dict[str, Any]:
    curve = fit_error_curve(seen.objects, *seen.errors(), seed=seed)
    size = float(whole.objects[-1])
    errors, noise = whole.errors(*classes)
    predicted, reached = curve.at(size), float(errors[-1])
    row = {
        "seed": seed,
        "set": kind,
        "predicted": 1 - predicted.estimate,
        "predicted_se": float(curve.draws(size).std()),
        "reached": 1 - reached,
        "reached_se": float(np.sqrt(noise[-1, -1])),
        "error": 100 * (reached - predicted.estimate),
        "inside": bool(predicted.low <= reached <= predicted.high),
        "sizes": seen.objects.tolist(),
        "at_sizes": (1 - seen.errors()[0]).tolist(),
    }
    print(
        f"{seed:4} {kind:>8} {row['predicted']:10.3f} {row['predicted_se']:6.3f} {row['reached']:8.3f} "
        f"{row['reached_se']:6.3f} {row['error']:+7.1f}  {row['inside']}",
        flush=True,
    )
    return row


def _summary(kind: str, rows: list[dict[str, Any]]) -> dict[str, float]:
    errors = np.array([r["error"] for r in rows])
    found = {
        "predicted": float(np.mean([r["predicted"] for r in rows])),
        "reached": float(np.mean([r["reached"] for r in rows])),
        "error": float(errors.mean()),
        "error_se": float(errors.std(ddof=1) / np.sqrt(len(errors))) if len(errors) > 1 else float("nan"),
        "rms_error": float(np.sqrt((errors**2).mean())),
        "within_3_points": float((np.abs(errors) <= 3).mean()),
        "inside": float(np.mean([r["inside"] for r in rows])),
    }
    print(
        f"mean {kind:>8} {found['predicted']:10.3f} {'':6} {found['reached']:8.3f} {'':6} {found['error']:+7.1f}  "
        f"(± {found['error_se']:.1f} over draws, RMS {found['rms_error']:.1f}, within 3 points "
        f"{found['within_3_points']:.0%}, inside {found['inside']:.0%})"
    )
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="folder of class folders")
    parser.add_argument("--groups", help="CSV with the columns file,group")
    parser.add_argument("--seeds", type=int, default=5, help="how many times folds, subsets and halves are drawn")
    parser.add_argument("--workers", type=int, default=0, help="threads; 0 for one a core")
    parser.add_argument("--cache-dir", default="feature_cache")
    parser.add_argument("--json", help="also write the figures here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
