"""Does painting the background grey help? Paired, on the same grouped folds, and before backgrounds of other colours.

    python benchmarks/masking.py DATASET [--groups CSV] [--ood DIR ...] [--seeds 5] [--folds 5] [--shift] [--json FILE]

The background is what `ai_models.backgrounds` finds: of one colour and joined to the frame. A picture without one
stays as it is.
A logistic regression sees the embedding, or all blocks of fixed length, with and without masking. Foreign images are
judged by the mean cosine distance to the five nearest training embeddings. ``--shift`` moves the background of the
scored photographs, never of those that are fitted on, to another colour.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ai_models.backgrounds import find_background
from ai_models.core.images import RGBImage, read_image, resize, walk_images
from ai_models.core.records import Split
from ai_models.core.settings import FeatureConfig, InspectionConfig
from ai_models.crossfit.rows import FittingRows
from ai_models.features import HybridFeatureExtractor
from ai_models.folds import assign_folds
from ai_models.inspection import scan
from ai_models.metrics import auroc, group_draws, paired_difference

_SIDE = 224
_GREY = 128
_SHIFTS = {"blue": (-5, -45), "green": (-45, 35), "grey": (0, 0)}  # a, b of CIE Lab

Floats = NDArray[np.float64]


def background(image: RGBImage) -> NDArray[np.bool_] | None:
    """Return where the background is, bool (h, w), or None where the picture should stay as it is."""
    found = find_background(image)
    return None if found is None else found.mask


def masked(image: RGBImage) -> RGBImage:
    """Return the picture with its background in middle grey."""
    where = background(image)
    if where is None:
        return image
    result = image.copy()
    result[where] = _GREY
    return result


def shifted(image: RGBImage, colour: str) -> RGBImage:
    """Return the picture with its background moved to another colour, its texture kept."""
    where = background(image)
    if where is None:
        return image
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float64)
    lab[where, 1:] += np.array(_SHIFTS[colour]) + 128 - np.median(lab[where, 1:], axis=0)
    moved = cv2.cvtColor(np.clip(np.rint(lab), 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB)
    return np.where(where[..., None], moved, image).astype(np.uint8)


def main() -> None:
    arguments = _arguments()
    manifest = scan(arguments.dataset, InspectionConfig(quick_mode=False), groups_csv=arguments.groups).manifest
    photographs = [resize(read_image(file), _SIDE) for file in manifest.files]
    touched = sum(background(image) is not None for image in photographs)
    print(f"{arguments.dataset}: background found in {touched} of {len(photographs)} photographs", flush=True)
    known = {name: _features([change(i) for i in photographs]) for name, change in _CHANGES.items()}
    foreign: dict[str, dict[str, Any]] = {}
    for folder in map(Path, arguments.ood):
        others = [resize(read_image(folder / path), _SIDE) for path in walk_images(folder)]
        print(f"  {folder.name}: background found in {sum(background(i) is not None for i in others)} of {len(others)}")
        foreign[folder.name] = {name: _features([change(i) for i in others]) for name, change in _CHANGES.items()}
    moved = {
        colour: {
            name: _features([change(shifted(i, colour)) for i in photographs]) for name, change in _CHANGES.items()
        }
        for colour in (_SHIFTS if arguments.shift else ())
    }
    found: dict[str, Any] = {"photographs": len(photographs), "background_found": touched}
    rows = [_rows(manifest, arguments.folds, seed) for seed in range(arguments.seeds)]
    for view in ("cnn", "all"):
        for scored, features in {"as they are": known, **moved}.items():
            found[f"{view}, {scored}"] = _paired(rows, known, features, view)
            _print(f"{view}, {scored}", found[f"{view}, {scored}"])
    for name, features in foreign.items():
        found[f"AUROC {name}"] = _paired_auroc(rows, known, features)
        _print(f"AUROC {name}", {"auroc": found[f"AUROC {name}"]})
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(found, indent=1), encoding="utf-8")


_CHANGES = {"plain": lambda image: image, "masked": masked}


def _features(pictures: list[RGBImage]) -> dict[str, NDArray[np.float32]]:
    config = FeatureConfig(use_sift_features=False, cache_features=False, image_size=_SIDE)
    blocks = HybridFeatureExtractor(config, workers=1).extract_raw(pictures, label="").blocks
    return {name: np.asarray(block, dtype=np.float32) for name, block in blocks.items()}


def _rows(manifest: Any, k: int, seed: int) -> FittingRows:
    folds = assign_folds(manifest.labels, manifest.groups, k, seed=seed)
    placed = {r.path: int(f) for r, f in zip(manifest, folds, strict=True)}
    return FittingRows.of(manifest.map(lambda r: replace(r, split=Split.TRAIN, fold=placed[r.path])))


def _probabilities(
    rows: FittingRows, fitted: dict[str, NDArray[np.float32]], scored: dict[str, NDArray[np.float32]], view: str
) -> Floats:
    out = np.zeros((len(rows), len(rows.classes)))
    for fold in np.unique(rows.folds):
        inside, outside = rows.folds != fold, rows.folds == fold
        X, Z = _view(fitted, scored, inside, outside, view)
        model = LogisticRegression(C=100 if view == "cnn" else 10, max_iter=2000)
        out[outside] = model.fit(X, rows.y[inside]).predict_proba(Z)
    return out


def _view(
    fitted: dict[str, NDArray[np.float32]],
    scored: dict[str, NDArray[np.float32]],
    inside: NDArray[np.bool_],
    outside: NDArray[np.bool_],
    view: str,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if view == "cnn":
        return _unit(fitted["cnn"][inside]), _unit(scored["cnn"][outside])
    X, Z = [], []
    for name, block in fitted.items():
        scaler = StandardScaler().fit(block[inside])
        width = block.shape[1] ** 0.5
        X.append(scaler.transform(block[inside]) / width)
        Z.append(scaler.transform(scored[name][outside]) / width)
    return np.hstack(X), np.hstack(Z)


def _paired(
    rows: list[FittingRows], known: dict[str, Any], features: dict[str, Any], view: str
) -> dict[str, dict[str, float]]:
    """Return accuracy and log-loss of both, and the mean difference (masked less plain) with its grouped SE."""
    losses = {"accuracy": {}, "nll": {}}  # type: dict[str, dict[str, Floats]]
    for name in _CHANGES:
        per_seed = [_probabilities(r, known[name], features[name], view) for r in rows]
        own = [np.clip(p[np.arange(len(r)), r.y], 1e-12, 1) for p, r in zip(per_seed, rows, strict=True)]
        right = [p.argmax(axis=1) == r.y for p, r in zip(per_seed, rows, strict=True)]
        losses["accuracy"][name] = np.mean(right, axis=0)
        losses["nll"][name] = np.mean([-np.log(p) for p in own], axis=0)
    out = {}
    for figure, of in losses.items():
        difference = paired_difference(of["masked"], of["plain"], rows[0].groups)
        means = {name: float(of[name].mean()) for name in _CHANGES}
        out[figure] = {**means, "difference": difference.mean, "se": difference.se}
    return out


def _paired_auroc(rows: list[FittingRows], known: dict[str, Any], foreign: dict[str, Any]) -> dict[str, float]:
    """Return the AUROC of both and the difference, with the bootstrap SE over groups and foreign images."""
    scores = {}
    for name in _CHANGES:
        K, F = _unit(known[name]["cnn"]), _unit(foreign[name]["cnn"])
        inside, outside = np.zeros(len(K)), np.zeros(len(F))
        for r in rows:
            for fold in np.unique(r.folds):
                X = K[r.folds != fold]
                inside[r.folds == fold] += _distance(K[r.folds == fold], X) / len(rows)
                outside += _distance(F, X) / (len(rows) * len(np.unique(r.folds)))
        scores[name] = (inside, outside)
    means = {name: auroc(*pair) for name, pair in scores.items()}
    drawn = zip(
        group_draws(rows[0].groups, draws=400, seed=0),
        group_draws(np.arange(len(outside)), draws=400, seed=1),
        strict=True,
    )
    differences = [
        auroc(scores["masked"][0][a], scores["masked"][1][b]) - auroc(scores["plain"][0][a], scores["plain"][1][b])
        for a, b in drawn
    ]
    return {**means, "difference": means["masked"] - means["plain"], "se": float(np.std(differences))}


def _distance(Z: NDArray[np.float32], X: NDArray[np.float32]) -> Floats:
    return np.asarray(1 - np.sort(Z @ X.T, axis=1)[:, -5:].mean(axis=1), dtype=np.float64)


def _unit(X: NDArray[np.float32]) -> NDArray[np.float32]:
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def _print(what: str, figures: dict[str, dict[str, float]]) -> None:
    for name, f in figures.items():
        print(
            f"  {what:24} {name:9} plain {f['plain']:.3f}  masked {f['masked']:.3f}  "
            f"difference {f['difference']:+.3f} (SE {f['se']:.3f})",
            flush=True,
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="folder of class folders")
    parser.add_argument("--groups", help="CSV with the columns file,group")
    parser.add_argument("--ood", nargs="*", default=[], help="folders of foreign images")
    parser.add_argument("--seeds", type=int, default=5, help="how many times the folds are drawn")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--shift", action="store_true", help="also score photographs before other backgrounds")
    parser.add_argument("--json", help="also write the figures here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
