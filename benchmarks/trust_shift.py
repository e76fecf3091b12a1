"""Field shift, out of fold: the shipped procedure before and after the background of the scored photographs changed.

    python benchmarks/trust_shift.py DATASET [--groups CSV] [--ood DIR ...] [--seeds 1] [--folds 5] [--copies 0]
                                     [--json FILE]

Every fold decides and fits everything without the objects that it is scored on, as `train` does, and then judges them
as they are and on five drawn surfaces, and the foreign images as they are and, where they have a background of one
colour, painted in the photographs' own. AUROC is the mean over folds, each fold's known against foreign by its own
model. ``--copies N`` also fits the members on N copies of each photograph whose background alone was replaced, whether
or not the gate of training would keep them; the gate's own answer is printed beside it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.backgrounds import TEXTURES, find_background, recoloured, replaced
from ai_models.core.images import RGBImage, read_image, walk_images
from ai_models.core.predictions import Predictions
from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.rng import generator
from ai_models.core.settings import EvaluationConfig, FeatureConfig, InspectionConfig, TrainingConfig
from ai_models.crossfit.fitting import decide, fit_classifier
from ai_models.crossfit.rows import FittingRows
from ai_models.evaluation.altered import condition_figures, paired_changes, seen_size
from ai_models.evaluation.background_rule import background_test
from ai_models.evaluation.field_shift import common_colour, on_surface
from ai_models.evaluation.rows import content_hash
from ai_models.features import HybridFeatureExtractor, RawFeatures
from ai_models.folds import assign_folds
from ai_models.inspection import scan
from ai_models.metrics import Interval
from ai_models.transforms import BACKGROUND

_DRAWS = 1000


@dataclass(frozen=True)
class Pictures:
    """Features of everything that is judged."""

    plain: RawFeatures  # of the photographs with a background of one colour, n
    surfaces: dict[str, RawFeatures]  # the same on each surface
    copies: RawFeatures | None  # photograph by photograph, N of each
    foreign: dict[str, RawFeatures]
    painted: dict[str, tuple[NDArray[np.int64], RawFeatures]]  # which foreign images, and those repainted


@dataclass(frozen=True)
class Judged:
    """What each fold's model says."""

    plain: Predictions
    surfaces: dict[str, Predictions]
    foreign: dict[str, NDArray[np.float64]]  # float (folds, m), OOD scores
    painted: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]  # which foreign images, and their scores
    gains: list[tuple[float, float, bool]]  # of the copies by the gate: log loss, its standard error, kept


def main() -> None:
    arguments = _arguments()
    manifest = scan(Path(arguments.dataset), InspectionConfig(quick_mode=True), groups_csv=arguments.groups).manifest
    extractor = HybridFeatureExtractor(FeatureConfig(cache_dir=arguments.cache_dir), workers=1)
    manifest, pictures = _pictures(manifest, extractor, arguments)
    found = {
        f"seed {seed}": _one_seed(manifest, extractor, pictures, seed, arguments) for seed in range(arguments.seeds)
    }
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(found, indent=1), encoding="utf-8")


def _pictures(
    manifest: Manifest, extractor: HybridFeatureExtractor, arguments: argparse.Namespace
) -> tuple[Manifest, Pictures]:
    side = max((extractor.config or FeatureConfig()).image_sizes)
    images = [seen_size(read_image(file), side) for file in manifest.files]
    there = [i for i, image in enumerate(images) if find_background(image) is not None]
    print(f"{arguments.dataset}: background of one colour in {len(there)} of {len(images)} photographs", flush=True)
    if not there:
        raise SystemExit("nothing to replace: give a dataset whose photographs have a background of one colour")
    manifest = replace(manifest, records=tuple(manifest.records[i] for i in there))
    images = [images[i] for i in there]
    hashes = [content_hash(file) for file in manifest.files]
    both = list(zip(images, hashes, strict=True))
    surfaces = {
        kind: _raw(extractor, [on_surface(image, sha, kind=kind, seed=arguments.seed) for image, sha in both])
        for kind in TEXTURES
    }
    copied = [
        replaced(image, generator(arguments.seed, "benchmark, copies", sha, i))
        for image, sha in both
        for i in range(arguments.copies)
    ]
    colour = common_colour([b.colour for image in images if (b := find_background(image)) is not None])
    foreign: dict[str, RawFeatures] = {}
    painted: dict[str, tuple[NDArray[np.int64], RawFeatures]] = {}
    for folder in map(Path, arguments.ood):
        others = [seen_size(read_image(folder / path), side) for path in walk_images(folder)]
        moved = [recoloured(image, colour) for image in others]
        at = np.array([i for i, image in enumerate(moved) if image is not None], dtype=np.int64)
        foreign[folder.name] = _raw(extractor, others)
        if len(at):
            painted[folder.name] = at, _raw(extractor, [moved[i] for i in at.tolist()])
        print(f"  {folder.name}: background found in {len(at)} of {len(others)}", flush=True)
    copies = _raw(extractor, copied) if copied else None
    return manifest, Pictures(_raw(extractor, images), surfaces, copies, foreign, painted)


def _raw(extractor: HybridFeatureExtractor, pictures: Sequence[RGBImage | None]) -> RawFeatures:
    return extractor.extract_raw([p for p in pictures if p is not None], label="extract")


def _one_seed(
    manifest: Manifest,
    extractor: HybridFeatureExtractor,
    pictures: Pictures,
    seed: int,
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    folds = assign_folds(manifest.labels, manifest.groups, arguments.folds, seed=seed)
    config = TrainingConfig(seed=seed, workers=1, quick_mode=arguments.quick)
    found = {}
    for copies in dict.fromkeys([0, arguments.copies]):
        judged = _judged(manifest, extractor, pictures, folds, config, copies)
        name = f"{copies} copies" if copies else "shipped"
        found[name] = _figures(manifest, judged, folds, seed)
        _print(f"seed {seed}, {name}", found[name])
    return found


def _judged(
    manifest: Manifest,
    extractor: HybridFeatureExtractor,
    pictures: Pictures,
    folds: NDArray[np.int64],
    config: TrainingConfig,
    copies: int,
) -> Judged:
    n = len(manifest)
    parts: list[tuple[NDArray[np.int64], Predictions, dict[str, Predictions]]] = []
    foreign: dict[str, list[NDArray[np.float64]]] = {name: [] for name in pictures.foreign}
    painted: dict[str, list[NDArray[np.float64]]] = {name: [] for name in pictures.painted}
    gains = []
    for fold in range(int(folds.max()) + 1):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        records = [replace(manifest.records[i], split=Split.TRAIN) for i in inside.tolist()]
        raw = pictures.plain.take(inside)
        labels, groups = manifest.labels[inside], manifest.groups[inside]
        inner = assign_folds(labels, groups, config.folds, seed=config.seed + 1000 * (fold + 1))
        records = [replace(r, fold=int(f)) for r, f in zip(records, inner, strict=True)]
        if copies and pictures.copies is not None:
            own = (inside[:, None] * copies + np.arange(copies)).ravel()
            raw = _joined(raw, pictures.copies.take(own))
            records += [_copy(records[i // copies], i % copies) for i in range(len(own))]
        rows = FittingRows.of(Manifest(manifest.root, tuple(records)))
        decision = decide(extractor, raw, rows, config)
        if copies and decision.copies_gain is not None:
            gains.append((decision.copies_gain.mean, decision.copies_gain.se, decision.use_copies))
            decision = replace(decision, use_copies=True)
        model = fit_classifier(extractor, raw, rows, decision, config)

        def said(features: RawFeatures, model: Any = model) -> Predictions:
            return model.judge_raw(features)

        parts.append(
            (
                outside,
                said(pictures.plain.take(outside)),
                {kind: said(r.take(outside)) for kind, r in pictures.surfaces.items()},
            )
        )
        for name, features in pictures.foreign.items():
            foreign[name].append(said(features).ood_scores)
        for name, (_, features) in pictures.painted.items():
            painted[name].append(said(features).ood_scores)
    order = np.argsort(np.concatenate([rows for rows, *_ in parts]))
    assert len(order) == n
    return Judged(
        Predictions.concatenated([p for _, p, _ in parts]).take(order),
        {kind: Predictions.concatenated([s[kind] for *_, s in parts]).take(order) for kind in TEXTURES},
        {name: np.stack(scores) for name, scores in foreign.items()},
        {name: (pictures.painted[name][0], np.stack(scores)) for name, scores in painted.items()},
        gains,
    )


def _copy(parent: ImageRecord, number: int) -> ImageRecord:
    done = {"transforms": BACKGROUND.name}
    return replace(parent, path=f"{parent.path}#{number}", source_id=parent.path, sha256="", extra=done)


def _joined(a: RawFeatures, b: RawFeatures) -> RawFeatures:
    return RawFeatures({name: np.concatenate([block, b.blocks[name]]) for name, block in a.blocks.items()})


def _figures(manifest: Manifest, judged: Judged, folds: NDArray[np.int64], seed: int) -> dict[str, Any]:
    classes = judged.plain.classes
    y = np.array([classes.index(label) for label in manifest.labels], dtype=np.int64)
    groups, config = manifest.groups, EvaluationConfig(bootstrap_draws=_DRAWS, seed=seed)
    k = len(TEXTURES)
    after = Predictions.concatenated([judged.surfaces[kind] for kind in TEXTURES])
    found: dict[str, Any] = {
        "before": condition_figures(y, judged.plain, groups, (), config),
        "after": condition_figures(np.tile(y, k), after, np.tile(groups, k), (), config),
        "kinds": {kind: condition_figures(y, p, groups, (), config) for kind, p in judged.surfaces.items()},
        "change": paired_changes(
            np.tile(y, k), Predictions.concatenated([judged.plain] * k), after, np.tile(groups, k)
        ),
        "gate": [{"gain": g, "se": se, "kept": kept} for g, se, kept in judged.gains],
        "ood": {},
    }
    plain = judged.plain.ood_scores[:, None]
    moved = np.stack([judged.surfaces[kind].ood_scores for kind in TEXTURES], axis=1)
    for name, scores in judged.foreign.items():
        theirs = np.arange(scores.shape[1]).astype(str)
        settings = {"draws": _DRAWS, "seed": seed, "folds": folds}
        found["ood"][name] = {
            "known_moved": background_test((plain, moved), (scores, scores), groups, theirs, **settings).to_dict()
        }
        if name in judged.painted:
            at, painted = judged.painted[name]
            found["ood"][name]["foreign_moved"] = background_test(
                (plain, plain), (scores[:, at], painted), groups, theirs[at], **settings
            ).to_dict()
    return found


def _print(title: str, found: dict[str, Any]) -> None:
    print(title)
    for when in ("before", "after", *(f"  {kind}" for kind in TEXTURES)):
        f = found[when] if when in found else found["kinds"][when.strip()]
        names = ("accuracy", "balanced_accuracy", "nll", "set_coverage", "set_size", "called_ood")
        figures = "  ".join(f"{name} {_words(f[name])}" for name in names)
        ece = f"ece {f['ece']['estimate']:.3f} (floor {f['ece_floor']['mean']:.3f})"
        print(f"  {when:10} {figures}  {ece}", flush=True)
    print(f"  change     accuracy {_words(found['change']['accuracy'])}  nll {_words(found['change']['nll'])}")
    for name, tests in found["ood"].items():
        for what, test in tests.items():
            print(
                f"  AUROC {name}, {what}: {_words(test['before'])} -> {_words(test['after'])}, share lost "
                f"{_words(test['lost'])}: {test['standing']}",
                flush=True,
            )
    for gate in found["gate"]:
        print(f"  gate: gain {gate['gain']:+.4f} (SE {gate['se']:.4f}), kept: {gate['kept']}", flush=True)


def _words(value: dict[str, float | None]) -> str:
    ends = Interval(*(float("nan") if value[e] is None else float(value[e]) for e in ("estimate", "low", "high")))  # type: ignore[arg-type]
    return f"{ends.estimate:.3f} [{ends.low:.3f}, {ends.high:.3f}]"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="folder of class folders")
    parser.add_argument("--groups", help="CSV with the columns file,group")
    parser.add_argument("--ood", nargs="*", default=[], help="folders of foreign images")
    parser.add_argument("--seeds", type=int, default=1, help="how many times the folds are drawn")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--copies", type=int, default=0, help="copies of each photograph on other backgrounds")
    parser.add_argument("--quick", action="store_true", help="train in quick mode")
    parser.add_argument("--seed", type=int, default=0, help="of the surfaces")
    parser.add_argument("--cache-dir", default="feature_cache")
    parser.add_argument("--json", help="also write the figures here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
