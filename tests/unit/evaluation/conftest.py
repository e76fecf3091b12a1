"""A small real model: three kinds of coloured noise, colour features only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ai_models.artifacts import save_bundle
from ai_models.classifier import HybridClassifier
from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.settings import FeatureConfig
from ai_models.ensemble.combination import Combination
from ai_models.ensemble.judge import Judge
from ai_models.ensemble.members import MemberSpec
from ai_models.ensemble.outliers import FoldDetectors, OutlierDetector, OutlierTest
from ai_models.ensemble.prediction_sets import PredictionSets
from ai_models.ensemble.scaler import BlockScaler
from ai_models.ensemble.voting import VotingEnsemble
from ai_models.features.hybrid import HybridFeatureExtractor
from ai_models.splitting import split_for_training

COLOURS = {"พระแดง": (150, 90, 80), "green": (90, 145, 85), "blue": (85, 95, 150)}


def write_image(path: Path, colour: tuple[int, int, int], seed: int, spread: float = 22) -> None:
    """Write a picture of noise about a colour."""
    rng = np.random.default_rng(seed)
    tone = np.array(colour) + rng.normal(0, spread, 3)
    pixels = np.clip(tone + rng.normal(0, 25, (48, 48, 3)), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="session")
def photographs(tmp_path_factory) -> Path:
    """Folder of three classes with 16, 14 and 12 pictures."""
    root = tmp_path_factory.mktemp("photographs")
    for number, (name, colour) in enumerate(COLOURS.items()):
        for i in range(16 - 2 * number):
            write_image(root / name / f"{i:02}.png", colour, 100 * number + i)
    return root


@pytest.fixture(scope="session")
def manifest(photographs) -> Manifest:
    """Their rows; the first two of each class show one object."""
    records = []
    for file in sorted(photographs.rglob("*.png")):
        path = file.relative_to(photographs).as_posix()
        label = path.split("/")[0]
        group = f"{label}-pair" if file.stem in {"00", "01"} else ""
        records.append(ImageRecord(path, label, hashlib.sha256(file.read_bytes()).hexdigest(), 48, 48, group))
    return Manifest(photographs, tuple(records))


def _write_model(manifest: Manifest, folder: Path) -> Path:
    """Fit a plain vote by hand (training proper takes longer than these tests may) and save it."""
    training = manifest.on(Split.TRAIN).originals()
    config = FeatureConfig(
        use_cnn_features=False, use_hog_features=False, use_lbp_features=False, use_sift_features=False,
        image_size=32, cache_features=False,
    )  # fmt: skip
    extractor = HybridFeatureExtractor(config, workers=1)
    X = extractor.fit_raw(extractor.extract_raw(training.files, label="")).transform(training.files)
    scaler = BlockScaler(extractor.block_slices).fit(X)
    vote = Combination((MemberSpec("logistic", ("colour",)),), (1.0,), 1.0)
    ensemble = VotingEnsemble(vote, scaler.slices_).fit(scaler.transform(X), training.labels)
    classes = tuple(training.classes)
    y = np.array([classes.index(label) for label in training.labels])
    detector = OutlierDetector((slice(None),)).fit(X, y)
    p = ensemble.predict_proba(scaler.transform(X))
    judge = Judge(
        PredictionSets().fit(p, y, training.groups),
        OutlierTest().fit(detector.scores(X), training.groups, np.zeros(len(y))),
        0.05, 0.5,
    )  # fmt: skip
    model = HybridClassifier(extractor, scaler, ensemble, FoldDetectors((detector,)), judge, classes)
    own = {"label": training.labels.tolist(), "group": [r.group for r in training], "fold": ["0"] * len(training)}
    settings = {
        "data_root": str(manifest.root),
        "training": {"ood_alpha": 0.05, "coverage": 0.9, "seed": 0},
        "counts": {c: list(n) for c, n in training.counts().items()},
    }
    files = {
        "training_config.json": json.dumps(settings).encode(),
        "manifest.csv": manifest.to_csv(),
        "oof_predictions.csv": model.judge_features(X).to_csv([r.path for r in training], own),
    }
    return save_bundle(model, folder, files)


@pytest.fixture(scope="session")
def coloured() -> Callable[..., None]:
    """Write a picture: path, class or colour, seed."""

    def write(path: Path, colour: str | tuple[int, int, int], seed: int, spread: float = 22) -> None:
        write_image(path, COLOURS[colour] if isinstance(colour, str) else colour, seed, spread)

    return write


@pytest.fixture(scope="session")
def model_dir(manifest, tmp_path_factory) -> Path:
    """A model with held-out rows, and a copy of one of them, which must never be scored."""
    split = split_for_training(manifest, test_size=0.3, folds=3, seed=0)
    parent = next(r for r in split if r.split is Split.TEST)
    Image.open(split.root / parent.path).rotate(90).save(split.root / "copy.png")
    row = replace(parent, path="copy.png", source_id=parent.path, sha256="")
    return _write_model(Manifest(split.root, (*split.records, row)), tmp_path_factory.mktemp("models") / "held")


@pytest.fixture(scope="session")
def whole_model_dir(manifest, tmp_path_factory) -> Path:
    """A model fitted on every row."""
    split = split_for_training(manifest, test_size=0.0, folds=3, seed=0)
    return _write_model(split, tmp_path_factory.mktemp("models") / "whole")


@pytest.fixture(scope="session")
def strange_dir(tmp_path_factory) -> Path:
    """Pictures of nothing that the model knows, one of them unreadable."""
    root = tmp_path_factory.mktemp("strange")
    for i in range(9):
        write_image(root / f"{i}.png", (250, 250, 5), 900 + i, 2)
    (root / "broken.png").write_bytes(b"not a picture")
    return root
