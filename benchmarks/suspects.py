"""Wrong labels planted into folders: how many of them are found, and how high they rank, beside cleanlab.

    python benchmarks/suspects.py DATASET [DATASET ...] [--shares 0 0.05 0.1] [--seeds 1] [--strangers FOLDER]

A share of the objects gets another class at random; the vote of training (quick mode) is then cross-fitted on the given
labels. precision@planted: share of planted ones among as many objects of the lowest margin. recall and
precision: of the list that `evaluate` shows. AUROC: planted against others by margin. cleanlab sees the same
probabilities, photograph by photograph, and lists by confident learning. With --strangers, the first images of another
folder are put into the classes, two each, and it is counted how many are called outliers of their class.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores

from ai_models.core.images import walk_images
from ai_models.core.records import Manifest, Split
from ai_models.core.rng import generator
from ai_models.core.settings import EvaluationConfig, FeatureConfig, InspectionConfig, TrainingConfig
from ai_models.crossfit.fitting import decide
from ai_models.crossfit.rows import FittingRows
from ai_models.evaluation.class_outliers import class_outliers
from ai_models.evaluation.plain_features import plain_features
from ai_models.evaluation.suspects import LABEL, OUTLIER, Judged, find_suspects
from ai_models.features.hybrid import HybridFeatureExtractor
from ai_models.folds import assign_folds
from ai_models.inspection import scan
from ai_models.metrics import auroc

HEADER = ("dataset", "share", "planted", "listed", "expected", "precision@planted", "recall", "precision", "AUROC",
          "cleanlab precision@planted", "recall", "precision", "AUROC", "outliers", "planted among them")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", metavar="DATASET")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.05, 0.1])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--strangers", metavar="FOLDER")
    parser.add_argument("--cache-dir", default="feature_cache")
    arguments = parser.parse_args()
    print("| " + " | ".join(HEADER) + " |\n|" + "---|" * len(HEADER))
    for dataset in arguments.datasets:
        manifest = scan(dataset, InspectionConfig()).manifest
        for share in arguments.shares:
            for seed in range(arguments.seeds):
                cells = _measured(manifest, share, seed, arguments.cache_dir)
                print("| " + " | ".join([Path(dataset).name, f"{share:g}", *cells]) + " |", flush=True)

    for dataset in arguments.datasets if arguments.strangers else []:
        print(_strangers(Path(dataset), Path(arguments.strangers), arguments.cache_dir), flush=True)


def _strangers(dataset: Path, folder: Path, cache_dir: str) -> str:
    manifest = scan(dataset, InspectionConfig()).manifest
    names = list(walk_images(folder))[: 2 * len(manifest.classes)]
    files = [*manifest.files, *(folder / name for name in names)]
    labels = [*manifest.labels.tolist(), *(manifest.classes[i % len(manifest.classes)] for i in range(len(names)))]
    groups = [*manifest.groups.tolist(), *names]
    config = FeatureConfig(use_sift_features=False, cache_dir=cache_dir)
    features = plain_features(SimpleNamespace(extractor=HybridFeatureExtractor(config)), files)  # type: ignore[arg-type]
    _, first, objects = np.unique(groups, return_index=True, return_inverse=True)
    y = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    found = class_outliers(features.X, objects.astype(np.int64), y[first], seed=0)
    strange = first >= len(manifest)
    return (
        f"{dataset.name}: {int((found.outside & strange).sum())} of {len(names)} strangers from {folder.name} outside, "
        f"{int((found.outside & ~strange).sum())} of {int((~strange).sum())} others; AUROC of the ratio "
        f"{auroc(found.ratios[~strange], found.ratios[strange]):.3f}"
    )


def planted(manifest: Manifest, share: float, seed: int) -> tuple[Manifest, set[str]]:
    """Return the rows with a share of the objects under another class, and the groups of these."""
    groups = sorted(set(manifest.groups.tolist()))
    rng = generator(seed, "planted labels", f"{share:g}")
    chosen = set(rng.permutation(groups)[: round(share * len(groups))].tolist())
    label_of = dict(zip(manifest.groups.tolist(), manifest.labels.tolist(), strict=True))
    other = {group: str(rng.choice([c for c in manifest.classes if c != label_of[group]])) for group in sorted(chosen)}
    rows = [
        replace(r, label=other.get(group, r.label))
        for r, group in zip(manifest.records, manifest.groups.tolist(), strict=True)
    ]
    return Manifest(manifest.root, tuple(rows)), chosen


def _measured(manifest: Manifest, share: float, seed: int, cache_dir: str) -> list[str]:
    flipped, chosen = planted(manifest, share, seed)
    folds = assign_folds(flipped.labels, flipped.groups, 5, seed=seed)
    rows = replace(
        flipped,
        records=tuple(
            replace(r, split=Split.TRAIN, fold=f) for r, f in zip(flipped.records, folds.tolist(), strict=True)
        ),
    )
    features = FeatureConfig(use_sift_features=False, cache_dir=cache_dir)
    extractor = HybridFeatureExtractor(features)
    raw = extractor.extract_raw(rows.files, label="")
    fitting = FittingRows.of(rows)
    config = TrainingConfig(quick_mode=True, cv_folds=5, seed=seed)
    p = decide(extractor, raw, fitting, config).choice.probabilities
    judged = Judged(
        rows.records, tuple(rows.files), fitting.y, p, rows.groups, ("out_of_fold",) * len(p), tuple(rows.classes)
    )
    found = find_suspects(judged, SimpleNamespace(extractor=extractor), EvaluationConfig(seed=seed))  # type: ignore[arg-type]
    wrong = np.array([group in chosen for group in rows.groups.tolist()])
    _, first = np.unique(rows.groups, return_index=True)  # a photograph of each object
    listed = np.zeros(len(wrong), dtype=bool)
    listed[[i for s in found.of_kind(LABEL) for i in s.rows]] = True
    outlying = np.zeros(len(wrong), dtype=bool)
    outlying[[i for s in found.of_kind(OUTLIER) for i in s.rows]] = True
    ours = _figures(found.margins[first], listed[first], wrong[first])
    theirs_listed = find_label_issues(fitting.y, p, filter_by="confident_learning", n_jobs=1)
    theirs_score = get_label_quality_scores(fitting.y, p, method="normalized_margin")
    theirs = _figures(theirs_score, np.asarray(theirs_listed), wrong)
    label = found.figures()["label"]
    expected = f"{label['expected_groups']:.1f} (to {label['at_most_groups']})"
    return [
        f"{len(chosen)} of {len(first)}", str(label["groups"]), expected, *ours, *theirs,
        str(int(outlying[first].sum())), str(int((outlying & wrong)[first].sum())),
    ]  # fmt: skip


def _figures(margins: np.ndarray, listed: np.ndarray, wrong: np.ndarray) -> list[str]:
    n = int(wrong.sum())
    if not n:
        return ["–", "–", "–", "–"]
    top = np.argsort(margins, kind="stable")[:n]
    return [
        f"{wrong[top].mean():.2f}", f"{listed[wrong].mean():.2f}",
        f"{wrong[listed].mean():.2f}" if listed.any() else "–", f"{auroc(-margins[~wrong], -margins[wrong]):.3f}"
    ]  # fmt: skip


if __name__ == "__main__":
    main()
