"""The shipped procedure beside the classifiers that most people would use, on the same embedding and the same folds.

    python benchmarks/trust_folders.py DATASET [--groups CSV] [--seeds 10] [--json FILE]

Every fold fits everything (codebooks, scaling, parts that are kept, weights, temperatures, references) without the
objects that it is scored on. Folds, seeds and peers are those of ``benchmarks/protocol.json``: folds that differ from
the frozen ones are refused. The peers see the embedding of the small network:

* ``logistic``: scikit-learn's logistic regression, C = 100, rows of unit length;
* ``soft vote``: scikit-learn's soft-voting random forest, RBF SVM (sigmoid-calibrated) and gradient boosting;
* ``scaled SVC``: standardised columns, RBF SVM, softmax of its decision values, as AutoGluon's few-shot head.

Differences are paired by object: the loss of each photograph is averaged over the fold seeds first, since the seeds
redraw folds and not photographs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from ai_models.core.predictions import OodVerdict
from ai_models.core.records import Manifest, Split
from ai_models.core.settings import FeatureConfig, InspectionConfig, TrainingConfig
from ai_models.crossfit.fitting import nested_predictions
from ai_models.crossfit.rows import FittingRows
from ai_models.ensemble.combination import softmax
from ai_models.execution import single_threaded_libraries
from ai_models.features import HybridFeatureExtractor
from ai_models.folds import assign_folds
from ai_models.inspection import scan
from ai_models.metrics import balanced_accuracy, brier_losses, ece, nll_losses, paired_difference

PROTOCOL = Path(__file__).with_name("protocol.json")
Floats = NDArray[np.float64]


def logistic(X: Floats, y: NDArray[np.int64], T: Floats) -> Floats:
    """Return probabilities of the rows T by logistic regression on unit rows."""
    model = LogisticRegression(C=100, max_iter=2000).fit(_unit(X), y)
    return np.asarray(model.predict_proba(_unit(T)))


def soft_vote(X: Floats, y: NDArray[np.int64], T: Floats) -> Floats:
    """Return probabilities of the rows T by three classifiers that vote with equal weight."""
    svm = make_pipeline(StandardScaler(), CalibratedClassifierCV(SVC(), ensemble=False, cv=3))
    members = [
        ("forest", RandomForestClassifier(random_state=0)),
        ("svm", svm),
        ("boosting", HistGradientBoostingClassifier(random_state=0)),
    ]
    return np.asarray(VotingClassifier(members, voting="soft").fit(X, y).predict_proba(T))


def scaled_svc(X: Floats, y: NDArray[np.int64], T: Floats) -> Floats:
    """Return the softmax of an SVM's decision values for the rows T."""
    margins = np.asarray(make_pipeline(StandardScaler(), SVC()).fit(X, y).decision_function(T))
    return softmax(np.stack([-margins, margins], axis=1) / 2 if margins.ndim == 1 else margins)


PEERS: dict[str, Callable[[Floats, NDArray[np.int64], Floats], Floats]] = {
    "logistic": logistic, "soft vote": soft_vote, "scaled SVC": scaled_svc,
}  # fmt: skip


def main() -> None:
    arguments = _arguments()
    protocol = json.loads(PROTOCOL.read_text(encoding="utf-8"))
    dataset = Path(arguments.dataset)
    manifest = scan(dataset, InspectionConfig(quick_mode=True), groups_csv=arguments.groups).manifest
    features = FeatureConfig(
        cache_dir=arguments.cache_dir, preset=arguments.preset, test_time_augmentation=arguments.closer
    )
    extractor = HybridFeatureExtractor(features, workers=arguments.workers)
    raw = extractor.extract_raw(manifest.files)
    print(f"{dataset.name}: {len(manifest)} images, {len(set(manifest.groups.tolist()))} objects", flush=True)
    seeds = protocol["fold_seeds"][: arguments.seeds]
    said: dict[str, list[Floats]] = {}
    others = []
    for place, seed in enumerate(seeds):
        rows = _rows(manifest, protocol["folds"], seed)
        _held_to(protocol, dataset.name, seed, rows, freeze=arguments.freeze)
        start = time.perf_counter()
        found = nested_predictions(extractor, raw, rows, TrainingConfig(seed=seed, workers=arguments.workers))
        seconds = time.perf_counter() - start
        said.setdefault("amulet-ai", []).append(found.probabilities)
        others.append(
            {
                "coverage": float(found.sets[np.arange(len(rows)), rows.y].mean()),
                "set_size": float(found.sets.sum(axis=1).mean()),
                "false_alarms": float(np.mean([v is OodVerdict.OOD for v in found.verdicts])),
                "seconds": seconds,
            }
        )
        for name, peer in PEERS.items():
            if place < protocol["peers"][name]["seeds"]:
                said.setdefault(name, []).append(_cross_validated(peer, raw.blocks["cnn"].astype(np.float64), rows))
        print(f"  seed {seed}: {_line(rows, said, place)} ({seconds:.0f} s)", flush=True)
        result = _summary(rows, said, others, seeds[: place + 1])
        if arguments.json:  # after each seed: a run that is stopped has the figures of those it did
            Path(arguments.json).write_text(json.dumps({"dataset": dataset.name, **result}, indent=1), encoding="utf-8")
    _print(result)


def _rows(manifest: Manifest, k: int, seed: int) -> FittingRows:
    folds = assign_folds(manifest.labels, manifest.groups, k, seed=seed)
    placed = {r.path: int(f) for r, f in zip(manifest, folds, strict=True)}
    return FittingRows.of(manifest.map(lambda r: replace(r, split=Split.TRAIN, fold=placed[r.path])))


def _held_to(protocol: dict[str, Any], name: str, seed: int, rows: FittingRows, *, freeze: bool) -> None:
    """Refuse folds other than the frozen ones: a figure on other folds is another figure."""
    text = json.dumps([rows.y.tolist(), [str(g) for g in rows.groups], rows.folds.tolist()])
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    frozen = protocol["frozen_folds"].setdefault(name, {})
    if freeze:
        frozen[str(seed)] = digest
        PROTOCOL.write_text(json.dumps(protocol, indent=1) + "\n", encoding="utf-8")
    elif frozen.get(str(seed), digest) != digest:
        raise SystemExit(
            f"the folds of '{name}' with seed {seed} are not those of {PROTOCOL.name}: photographs, objects or the "
            "splitter changed; say so in the ledger and freeze them anew with --freeze"
        )


def _cross_validated(
    peer: Callable[[Floats, NDArray[np.int64], Floats], Floats], X: Floats, rows: FittingRows
) -> Floats:
    out = np.zeros((len(rows), len(rows.classes)))
    with single_threaded_libraries():
        for fold in np.unique(rows.folds):
            fitting, scored = rows.folds != fold, rows.folds == fold
            out[scored] = peer(X[fitting], rows.y[fitting], X[scored])
    return out


def _figures(y: NDArray[np.int64], p: Floats) -> dict[str, float]:
    return {
        "balanced_accuracy": balanced_accuracy(y, p.argmax(axis=1), p.shape[1]),
        "nll": float(nll_losses(y, p).mean()),
        "brier": float(brier_losses(y, p).mean()),
        "ece": ece(y, p),
    }


def _summary(
    rows: FittingRows, said: dict[str, list[Floats]], others: list[dict[str, float]], seeds: list[int]
) -> dict[str, Any]:
    """Return mean figures over seeds, and the differences to each peer on the seeds that both have."""
    y, k = rows.y, len(rows.classes)
    weight = 1.0 / (k * np.bincount(y, minlength=k)[y]) * len(y)  # a right answer's part in balanced accuracy
    models = {}
    for name, runs in said.items():
        figures = [_figures(y, p) for p in runs]
        models[name] = {key: float(np.mean([f[key] for f in figures])) for key in figures[0]}
        models[name]["balanced_accuracy_sd"] = float(np.std([f["balanced_accuracy"] for f in figures]))
        models[name]["seeds"] = len(runs)
    against = {}
    for name, runs in said.items():
        if name == "amulet-ai":
            continue
        own = said["amulet-ai"][: len(runs)]
        losses = {
            "balanced_accuracy": lambda p: weight * (p.argmax(axis=1) == y),
            "nll": lambda p: nll_losses(y, p),
            "brier": lambda p: brier_losses(y, p),
        }
        against[name] = {
            key: dict(
                zip(
                    ("mean", "se"),
                    paired_difference(
                        np.mean([loss(p) for p in own], axis=0), np.mean([loss(p) for p in runs], axis=0), rows.groups
                    )[:2],
                    strict=True,
                )
            )
            for key, loss in losses.items()
        }
    promised = {key: float(np.mean([o[key] for o in others])) for key in others[0]}
    objects = len(set(rows.groups.tolist()))
    return {
        "images": len(y), "objects": objects, "classes": k, "fold_seeds": seeds,
        "models": models, "difference": against, "promises": promised,
    }  # fmt: skip


def _line(rows: FittingRows, said: dict[str, list[Floats]], place: int) -> str:
    parts = []
    for name, runs in said.items():
        if place < len(runs):
            f = _figures(rows.y, runs[place])
            parts.append(f"{name} {f['balanced_accuracy']:.3f}/{f['nll']:.3f}")
    return ", ".join(parts)


def _print(result: dict[str, Any]) -> None:
    print(f"{'':12}{'seeds':>6}{'bal.acc':>9}{'NLL':>8}{'Brier':>8}{'ECE':>8}")
    for name, f in result["models"].items():
        figures = f"{f['balanced_accuracy']:9.3f}{f['nll']:8.3f}{f['brier']:8.3f}{f['ece']:8.3f}"
        print(f"{name:12}{f['seeds']:6d}{figures}")
    for name, keys in result["difference"].items():
        told = ", ".join(f"{key} {d['mean']:+.3f} ({d['se']:.3f})" for key, d in keys.items())
        print(f"amulet-ai minus {name}: {told}")
    p = result["promises"]
    print(
        f"sets hold the true class {p['coverage']:.3f} of the time (.9 promised), mean size {p['set_size']:.2f}; "
        f"false alarms {p['false_alarms']:.3f} (.05 stated)"
    )


def _unit(X: Floats) -> Floats:
    return np.asarray(X / np.linalg.norm(X, axis=1, keepdims=True))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="folder of class folders")
    parser.add_argument("--groups", help="CSV with the columns file,group")
    parser.add_argument("--seeds", type=int, default=10, help="how many of the protocol's fold seeds")
    parser.add_argument("--preset", default="fast", help="networks, as for `amulet-ai train --preset`")
    parser.add_argument("--closer", action="store_true", help="try a second look, as --test-time-augmentation does")
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 for one a core")
    parser.add_argument("--cache-dir", default="feature_cache")
    parser.add_argument("--freeze", action="store_true", help="write the folds' digests into the protocol")
    parser.add_argument("--json", help="also write the figures here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
