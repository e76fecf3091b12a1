"""Accuracy against cost: the presets of networks on one folder, on the same grouped folds.

    python benchmarks/presets.py DATASET [--groups CSV] [--seeds 1] [--presets fast balanced accurate] [--auto]

For each preset: milliseconds of an image (reading and all features, one image at a time on one thread), logistic
regression on the embeddings alone (each at unit length, C = 100, five draws of the folds), and the whole procedure as
it is shipped (`nested_predictions`: everything is decided and fitted without the objects that it is scored on). The
gain over the first preset is the whole procedure's, paired by object, with its standard error. ``--auto`` adds the
gate: every outer fold chooses among the presets on its own inner folds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from ai_models.core.images import read_bytes
from ai_models.core.records import Manifest, Split
from ai_models.core.settings import NETWORKS, FeatureConfig, InspectionConfig, PreprocessConfig, TrainingConfig
from ai_models.crossfit import fitting
from ai_models.crossfit.blocks import narrowed
from ai_models.crossfit.rows import FittingRows
from ai_models.execution import single_threaded_libraries
from ai_models.features import HybridFeatureExtractor, RawFeatures
from ai_models.features.costs import READING, measure_costs
from ai_models.folds import assign_folds
from ai_models.inspection import scan
from ai_models.metrics import balanced_accuracy, nll, nll_losses
from ai_models.metrics.paired import paired_difference

_LR_SEEDS = 5
_TIMED = 10


def main() -> None:
    given = _arguments()
    look = InspectionConfig(quick_mode=True, cache_dir=given.cache_dir, workers=given.workers)
    manifest = scan(given.dataset, look, groups_csv=given.groups).manifest
    config = FeatureConfig(preset="auto", cache_dir=given.cache_dir)
    extractor = HybridFeatureExtractor(config, workers=given.workers)
    raw = extractor.extract_raw(manifest.files)
    groups = len(set(manifest.groups.tolist()))
    print(f"{given.dataset}: {len(manifest)} images of {groups} objects, {len(manifest.classes)} classes")
    step = max(1, len(manifest) // _TIMED)
    costs = measure_costs(
        extractor.blocks, [read_bytes(f) for f in manifest.files[::step][:_TIMED]], PreprocessConfig()
    )
    print("milliseconds an image: " + ", ".join(f"{name} {cost:.1f}" for name, cost in costs.items()))
    print(f"{'preset':<10}{'ms':>7}  {'LR bal.acc':>10} {'LR NLL':>7}  {'bal.acc':>8} {'NLL':>7}  gain over the first")
    found: dict[str, Any] = {}
    losses: dict[str, NDArray[np.float64]] = {}
    for preset in (*given.presets, *(("auto",) if given.auto else ())):
        own_extractor, own_raw = (extractor, raw) if preset == "auto" else narrowed(extractor, raw, NETWORKS[preset])
        row = _whole(manifest, own_extractor, own_raw, given, losses, preset)
        if preset != "auto":
            row |= _plain(manifest, [raw.blocks[name] for name in NETWORKS[preset]])
            row["milliseconds"] = costs[READING] + sum(costs[name] for name in own_raw.blocks)
        gain = paired_difference(losses[given.presets[0]], losses[preset], np.tile(manifest.groups, given.seeds))
        row |= {"gain": gain.mean, "gain_se": gain.se}
        found[preset] = row
        print(
            f"{preset:<10}{row.get('milliseconds', np.nan):>7.1f}  {row.get('lr_balanced_accuracy', np.nan):>10.3f} "
            f"{row.get('lr_nll', np.nan):>7.3f}  {row['balanced_accuracy']:>8.3f} {row['nll']:>7.3f}  "
            f"{gain.mean:+.3f} (se {gain.se:.3f})  {row['seconds']:.0f} s{row.get('kept', '')}",
            flush=True,
        )
    if given.json:
        Path(given.json).write_text(json.dumps({"dataset": given.dataset, "costs": costs, "presets": found}, indent=1))


def _rows(manifest: Manifest, seed: int) -> FittingRows:
    folds = assign_folds(manifest.labels, manifest.groups, 5, seed=seed)
    placed = {r.path: int(f) for r, f in zip(manifest, folds, strict=True)}
    return FittingRows.of(manifest.map(lambda r: replace(r, split=Split.TRAIN, fold=placed[r.path])))


def _whole(
    manifest: Manifest,
    extractor: HybridFeatureExtractor,
    raw: RawFeatures,
    given: argparse.Namespace,
    losses: dict[str, NDArray[np.float64]],
    preset: str,
) -> dict[str, Any]:
    start = time.process_time()
    scores, per_seed = [], []
    kept: Counter[str] = Counter()
    with _watched(kept):
        for seed in range(given.seeds):
            rows = _rows(manifest, seed)
            said = fitting.nested_predictions(extractor, raw, rows, TrainingConfig(seed=seed, workers=given.workers))
            p = said.probabilities
            scores.append((balanced_accuracy(rows.y, p.argmax(axis=1), p.shape[1]), nll(rows.y, p)))
            per_seed.append(nll_losses(rows.y, p))
    losses[preset] = np.concatenate(per_seed)
    accuracy, loss = np.mean(scores, axis=0)
    told = "; kept in " + ", ".join(f"{n} folds {name}" for name, n in sorted(kept.items())) if kept else ""
    seconds = time.process_time() - start
    return {"balanced_accuracy": float(accuracy), "nll": float(loss), "seconds": seconds, "kept": told}


class _watched:  # noqa: N801 (a context)
    """Count which presets the gate keeps."""

    def __init__(self, kept: Counter[str]) -> None:
        self.kept = kept
        self.real = fitting.decide

    def __enter__(self) -> None:
        def decide(*given: Any, **named: Any) -> fitting.Decision:
            decision = self.real(*given, **named)
            if decision.networks is not None:
                self.kept[decision.networks.preset] += 1
            return decision

        fitting.decide = decide

    def __exit__(self, *error: object) -> None:
        fitting.decide = self.real


def _plain(manifest: Manifest, embeddings: list[NDArray[np.float32]]) -> dict[str, float]:
    X = np.concatenate([e / np.linalg.norm(e, axis=1, keepdims=True) for e in embeddings], axis=1)
    scores = []
    for seed in range(_LR_SEEDS):
        rows = _rows(manifest, seed)
        p = np.zeros((len(X), len(rows.classes)))
        with single_threaded_libraries():
            for fold in np.unique(rows.folds):
                fitted, scored = rows.folds != fold, rows.folds == fold
                model = LogisticRegression(C=100, max_iter=2000).fit(X[fitted], rows.y[fitted])
                p[scored] = model.predict_proba(X[scored])
        scores.append((balanced_accuracy(rows.y, p.argmax(axis=1), p.shape[1]), nll(rows.y, p)))
    accuracy, loss = np.mean(scores, axis=0)
    return {"lr_balanced_accuracy": float(accuracy), "lr_nll": float(loss)}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="folder of class folders")
    parser.add_argument("--groups", help="CSV with the columns file,group")
    parser.add_argument("--seeds", type=int, default=1, help="draws of the folds for the whole procedure")
    parser.add_argument("--presets", nargs="+", default=["fast", "balanced", "accurate"], choices=list(NETWORKS)[:3])
    parser.add_argument("--auto", action="store_true", help="also the gate, fold by fold")
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 for one a core")
    parser.add_argument("--cache-dir", default="feature_cache")
    parser.add_argument("--json", help="also write the figures here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
