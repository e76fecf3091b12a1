"""What the label check switches off on a folder, and what copies bring with it and without, out of fold.

    python benchmarks/augmentation.py FOLDER [--preset auto] [--folds 5] [--seeds 1] [--cache-dir feature_cache]

Every fold fits a logistic regression on the network's embedding of its own photographs, and of those copies of them
that its own label check allows; the figures are those of photographs that a fold has not seen. Differences are to
fitting without copies, paired by object; above zero is a gain.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from ai_models.augmentation import augment_manifest
from ai_models.core.records import Split
from ai_models.core.settings import AugmentationConfig, FeatureConfig
from ai_models.crossfit.label_probes import PROBES_FILE, LabelProbes
from ai_models.crossfit.rows import FittingRows
from ai_models.crossfit.scoring import cross_fit
from ai_models.ensemble.combination import row_losses, softmax
from ai_models.ensemble.members import MemberSpec
from ai_models.features import HybridFeatureExtractor
from ai_models.metrics.classification import balanced_accuracy
from ai_models.metrics.paired import paired_difference
from ai_models.pipeline import prepare_manifest
from ai_models.splitting import split_for_training

MEMBER = MemberSpec("logistic", ("cnn",), 0, (("C", 100.0),))
WAYS = {
    "preset": {"label_check": False},
    "label check": {"label_check": True},
    "with flips": {"label_check": True, "flips": True},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--preset", default="auto")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--copies", type=float, default=1.0, help="copies a photograph")
    parser.add_argument("--cache-dir", default="feature_cache")
    arguments = parser.parse_args()
    features = FeatureConfig(
        use_hog_features=False,
        use_lbp_features=False,
        use_sift_features=False,
        use_colour_features=False,
        cache_dir=arguments.cache_dir,
    )
    rows = prepare_manifest(arguments.folder)
    for seed in range(arguments.seeds):
        split = split_for_training(rows, test_size=0, folds=arguments.folds, seed=seed)
        for name, choice in WAYS.items():
            config = AugmentationConfig(
                preset=arguments.preset,
                target_samples=10_000,
                augmentation_factor=arguments.copies,
                seed=seed,
            ).replace(**choice)
            with tempfile.TemporaryDirectory() as temporary:
                augmented = augment_manifest(split, Path(temporary) / "out", config, features=features)
                counts = json.loads((augmented.root / "augmentation.json").read_text(encoding="utf-8"))
                probes = augmented.root / PROBES_FILE
                training = FittingRows.of(
                    augmented.on(Split.TRAIN), LabelProbes.load(probes) if probes.is_file() else None
                )
                extractor = HybridFeatureExtractor(features, seed=seed)
                raw = extractor.extract_raw(augmented.on(Split.TRAIN).files, label="")
            if name == "with flips":
                _say_what_is_off(counts, seed)
            _compare(name, seed, extractor, raw, training)


def _say_what_is_off(counts: dict, seed: int) -> None:
    for label, of_class in counts["classes"].items():
        for transform, found in of_class["label_check"].items():
            if not found["used"]:
                print(f"seed {seed} {label}: {transform} {found['verdict']}, {found['reason']}")


def _compare(name: str, seed: int, extractor: HybridFeatureExtractor, raw, rows: FittingRows) -> None:
    own = rows.photographs
    y, groups, k = rows.y[own], rows.groups[own], len(rows.classes)
    logits = {
        use: cross_fit(extractor, raw, rows, [MEMBER], max_components=0, seed=seed, workers=1, use_copies=use).logits[
            MEMBER
        ]
        for use in (False, True)
    }
    gain = paired_difference(row_losses(logits[False], y), row_losses(logits[True], y), groups)
    wrong = {use: (softmax(scores).argmax(axis=1) != y).astype(float) for use, scores in logits.items()}
    hits = paired_difference(wrong[False], wrong[True], groups)
    accuracies = {use: balanced_accuracy(y, softmax(s).argmax(axis=1), k) for use, s in logits.items()}
    fitted = [len(rows.with_copies(own[rows.folds[own] != f])) for f in range(rows.folds.max() + 1)]
    copies = np.mean(fitted) - len(own) * (1 - 1 / len(fitted))
    print(
        f"seed {seed} {name}: {len(rows) - len(own)} copies, {copies:.0f} fitted a fold; balanced accuracy "
        f"{accuracies[False]:.3f} -> {accuracies[True]:.3f}, accuracy {hits.mean:+.3f} +- {hits.se:.3f}, "
        f"log-loss {np.mean(row_losses(logits[False], y)):.3f}, gain {gain.mean:+.4f} +- {gain.se:.4f}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
