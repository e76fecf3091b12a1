"""The promise: copies of one object never cross a split, and data without a signal scores at chance."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from ai_models.augmentation import augment_manifest
from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.settings import AugmentationConfig, FeatureConfig, InspectionConfig, TrainingConfig
from ai_models.crossfit.fitting import nested_predictions
from ai_models.crossfit.rows import FittingRows
from ai_models.features.hybrid import HybridFeatureExtractor
from ai_models.folds import assign_folds
from ai_models.inspection import scan
from ai_models.metrics import accuracy, clopper_pearson, grouped_share
from ai_models.pipeline import run
from ai_models.splitting import split_for_training
from ai_models.training import HybridTrainer

CONFIG = TrainingConfig(quick_mode=True, workers=1)


def _nested_hits(manifest: Manifest, features: FeatureConfig, seed: int = 0) -> tuple[FittingRows, np.ndarray]:
    folds = assign_folds(manifest.labels, manifest.groups, 3, seed=seed)
    placed = dict(zip((r.path for r in manifest), folds.tolist(), strict=True))
    rows = FittingRows.of(manifest.map(lambda r: replace(r, split=Split.TRAIN, fold=placed[r.path])))
    extractor = HybridFeatureExtractor(features, workers=1)
    found = nested_predictions(extractor, extractor.extract_raw(manifest.files, label=""), rows, CONFIG)
    return rows, found.probabilities.argmax(axis=1)


def _at_chance(right: int, n: int, k: int) -> bool:
    interval = clopper_pearson(right, n, 0.999)
    return interval.low <= 1 / k <= interval.high


@pytest.mark.slow
def test_pure_noise_scores_at_chance(tmp_path: Path, classical_features: FeatureConfig) -> None:
    for label in ("a", "b", "c"):
        (tmp_path / label).mkdir()
        for i in range(20):
            pixels = np.random.default_rng([ord(label), i]).integers(0, 256, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / label / f"{i}.png")
    manifest = scan(tmp_path, InspectionConfig(workers=1)).manifest
    assert len(set(manifest.groups.tolist())) == 60, "noise is no copy of other noise"
    rows, predicted = _nested_hits(manifest, classical_features)
    assert _at_chance(int((predicted == rows.y).sum()), 60, 3)


@pytest.mark.slow
def test_noise_with_copies_scores_at_chance_through_every_stage(
    tmp_path: Path, classical_features: FeatureConfig
) -> None:
    """Every object is there thrice, mirrored and turned too: one that crossed would be recognised, not guessed."""
    for label in ("a", "b", "c"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for i in range(16 - 2 * "abc".index(label)):
            pixels = np.random.default_rng([7, ord(label), i]).integers(0, 256, (64, 64, 3), dtype=np.uint8)
            for name, turned in (("", pixels), ("m", pixels[:, ::-1]), ("t", np.rot90(pixels))):
                Image.fromarray(np.ascontiguousarray(turned)).save(tmp_path / "data" / label / f"{i}{name}.png")
    manifest = scan(tmp_path / "data", InspectionConfig(quick_mode=True, workers=1)).manifest
    assert len(set(manifest.groups.tolist())) == 42
    split = split_for_training(manifest, test_size=0.3, folds=3, seed=0)
    grown = augment_manifest(split, tmp_path / "grown", AugmentationConfig(workers=1, quality_threshold=0))
    assert grown.copies()
    result = HybridTrainer(CONFIG, classical_features).fit(grown)
    judged = ((Split.TRAIN, result.out_of_fold), (Split.TEST, result.held_out[Split.TEST]))
    for side, predictions in judged:
        rows = grown.on(side).originals()
        right = grouped_share(np.array(predictions.predicted) == rows.labels, rows.groups, 0.999)
        assert right.low <= 16 / 42, side


def _plant(folder: Path, label: str, name: str) -> None:
    picture = Image.open(folder / label / name).convert("RGB")
    picture.save(folder / label / f"re_{name}.jpg", quality=60)
    ImageOps.mirror(picture).save(folder / label / f"mirrored_{name}")
    picture.transpose(Image.Transpose.ROTATE_90).save(folder / label / f"turned_{name}")


@pytest.fixture(scope="module")
def planted(texture_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The textures, with three copies of each of four pictures."""
    folder = Path(shutil.copytree(texture_folder, tmp_path_factory.mktemp("planted") / "data"))
    for label, name in (("checks", "00.png"), ("checks", "05.png"), ("blobs", "01.png"), ("ลายทาง", "03.png")):
        _plant(folder, label, name)
    return folder


def _object_of(row: ImageRecord) -> str:
    name = Path(row.path).name.removesuffix(".jpg")
    return f"{row.label}/{name.split('_', 1)[-1]}"


@pytest.mark.parametrize("seed", range(5))
def test_planted_copies_never_cross_a_split(planted: Path, seed: int) -> None:
    manifest = scan(planted, InspectionConfig(workers=1)).manifest
    assert len(manifest) == 36 + 12
    placed = split_for_training(manifest, test_size=0.25, folds=3, seed=seed)
    sides: dict[str, set[tuple[Split, int]]] = {}
    for row in placed:
        sides.setdefault(_object_of(row), set()).add((row.split, row.fold))
    assert all(len(where) == 1 for where in sides.values())


@pytest.mark.slow
def test_figures_do_not_move_when_copies_are_planted(
    texture_folder: Path, planted: Path, classical_features: FeatureConfig
) -> None:
    """Random labels on the pictures: any copy on the other side would lift the accuracy of its original."""

    def labelled(folder: Path) -> Manifest:
        manifest = scan(folder, InspectionConfig(workers=1)).manifest

        def coin(row: ImageRecord) -> ImageRecord:
            return replace(row, label="ab"[np.random.default_rng(list(_object_of(row).encode())).integers(2)])

        return manifest.map(coin)

    figures = []
    for folder in (texture_folder, planted):
        manifest = labelled(folder)
        rows, predicted = _nested_hits(manifest, classical_features)
        original = np.array(["_" not in Path(r.path).name for r in manifest])
        figures.append(accuracy(rows.y[original], predicted[original]))
        assert _at_chance(int((predicted == rows.y)[original].sum()), int(original.sum()), 2)
    assert abs(figures[0] - figures[1]) <= 0.25


@pytest.mark.slow
@pytest.mark.parametrize("check_duplicates", [True, False])
def test_planted_copies_stay_together_through_run(
    planted: Path, classical_features: FeatureConfig, tmp_path: Path, check_duplicates: bool
) -> None:
    result = run(
        planted,
        tmp_path / "model",
        inspection=InspectionConfig(quick_mode=True, check_duplicates=check_duplicates, workers=1),
        features=classical_features,
        training=CONFIG.replace(test_size=0.25),
    )
    placed = Manifest.load(result.model_dir / "manifest.csv", root=result.model_dir / "data").originals()
    sides: dict[str, set[tuple[Split, int]]] = {}
    for row in placed:
        sides.setdefault(_object_of(row), set()).add((row.split, row.fold))
    assert len(placed) == 48
    assert all(len(where) == 1 for where in sides.values())
