"""Training on real (if small) pictures: what is written, what is refused, and that one seed is one model."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ai_models.artifacts import load_model, read_bundle
from ai_models.augmentation import augment_manifest
from ai_models.core.errors import DataError, OutputError, SplitRefusedError
from ai_models.core.records import Manifest, Split
from ai_models.core.settings import AugmentationConfig, FeatureConfig, TrainingConfig
from ai_models.metrics import accuracy
from ai_models.training import HybridTrainer, train_model

QUICK = TrainingConfig(quick_mode=True, workers=1)


def test_metrics_are_those_of_the_predictions(tiny_model: Path, split_textures: Manifest) -> None:
    metrics = json.loads((tiny_model / "metrics.json").read_text("utf-8"))
    test = split_textures.on(Split.TEST)
    predicted = load_model(tiny_model).predict(test.files)
    assert metrics["held_out"]["accuracy"] == pytest.approx(float((predicted == test.labels).mean()))
    assert metrics["held_out"]["images"] == len(test)
    assert metrics["training"]["images"] == len(split_textures.on(Split.TRAIN))
    assert sum(m["share"] for m in metrics["vote"]["members"]) == pytest.approx(1.0)
    assert {f for f in metrics["alone"] if f.startswith(("logistic", "lda"))}, "the plain baselines are printed"


def test_out_of_fold_rows_are_the_training_photographs(tiny_model: Path, split_textures: Manifest) -> None:
    rows = list(csv.DictReader((tiny_model / "oof_predictions.csv").read_text("utf-8").splitlines()))
    training = split_textures.on(Split.TRAIN)
    assert [r["path"] for r in rows] == [r.path for r in training]
    assert [int(r["fold"]) for r in rows] == training.folds.tolist()
    hits = accuracy(
        np.array([r["label"] == r["predicted_class"] for r in rows]).astype(np.int64), np.ones(len(rows), int)
    )
    assert hits == pytest.approx(json.loads((tiny_model / "metrics.json").read_text())["out_of_fold"]["accuracy"])


def test_the_manifest_with_its_folds_is_kept(tiny_model: Path, split_textures: Manifest) -> None:
    kept = Manifest.load(tiny_model / "manifest.csv", root=split_textures.root)
    assert {(r.path, r.split, r.group) for r in kept} == {(r.path, r.split, r.group) for r in split_textures}
    assert set(kept.on(Split.TRAIN).folds.tolist()) == {0, 1, 2}
    config = json.loads((tiny_model / "training_config.json").read_text("utf-8"))
    assert Path(config["data_root"]) == split_textures.root.resolve()


@pytest.mark.slow
def test_one_seed_is_one_model_for_any_workers(
    tiny_model: Path, split_textures: Manifest, classical_features: FeatureConfig, tmp_path: Path
) -> None:
    again = train_model(
        split_textures, tmp_path / "again", training=QUICK.replace(workers=2), features=classical_features
    )
    for name in ("metrics.json", "manifest.csv", "oof_predictions.csv", "training_features.npy", "golden.npz"):
        assert (again / name).read_bytes() == (tiny_model / name).read_bytes()
    assert read_bundle(again)["model_digest"] == read_bundle(tiny_model)["model_digest"]


@pytest.mark.slow
def test_copies_are_fitted_on_and_never_scored(
    split_textures: Manifest, classical_features: FeatureConfig, tmp_path: Path
) -> None:
    grown = augment_manifest(split_textures, tmp_path / "grown", AugmentationConfig(workers=1, augmentation_factor=1.0))
    assert grown.copies()
    result = HybridTrainer(QUICK, classical_features).fit(grown)
    assert len(result.out_of_fold) == len(split_textures.on(Split.TRAIN))
    assert len(result.held_out[Split.TEST]) == len(split_textures.on(Split.TEST))
    assert result.decision.copies_gain is not None


@pytest.mark.slow
def test_a_second_look_is_tried_where_it_is_asked_for(
    split_textures: Manifest, classical_features: FeatureConfig, tmp_path: Path
) -> None:
    features = classical_features.replace(test_time_augmentation=True)
    folder = train_model(split_textures, tmp_path / "twice", training=QUICK, features=features)
    tried = [p for p in json.loads((folder / "metrics.json").read_text())["worth"] if p["of"] == "look"]
    assert [p["part"] for p in tried] == ["middle, closer"]
    assert tried[0]["kept"] == (tried[0]["nll_gain"]["mean"] > tried[0]["nll_gain"]["standard_error"])
    model = load_model(folder)
    files = split_textures.on(Split.TEST).files
    np.testing.assert_array_equal(model.predict_proba(files), model.predict_batch(files).probabilities)
    assert (model.extractor.extract_raw(files, label="").closer is not None) == tried[0]["kept"]


@pytest.mark.slow
def test_without_a_test_side_the_figures_come_from_whole_pipelines(
    split_textures: Manifest, classical_features: FeatureConfig
) -> None:
    everything = split_textures.map(lambda r: replace(r, split=Split.TRAIN, fold=-1))
    result = HybridTrainer(QUICK, classical_features).fit(everything)
    assert result.nested
    assert not result.held_out
    assert len(result.out_of_fold) == len(split_textures)


def test_nothing_to_train_on_is_one_sentence(split_textures: Manifest, classical_features: FeatureConfig) -> None:
    trainer = HybridTrainer(QUICK, classical_features)
    with pytest.raises(DataError, match="no training rows"):
        trainer.fit(split_textures.on(Split.TEST))
    with pytest.raises(DataError, match="two classes"):
        trainer.fit(split_textures.where(lambda r: r.label == "checks"))
    few = split_textures.where(lambda r: r.label != "checks" or r.path.endswith(("00.png", "01.png")))
    with pytest.raises(SplitRefusedError, match="checks"):
        trainer.fit(few.map(lambda r: replace(r, split=Split.TRAIN, fold=-1)))
    only_held_out = split_textures.map(lambda r: replace(r, split=Split.TEST, fold=-1) if r.label == "blobs" else r)
    with pytest.raises(DataError, match="blobs"):
        trainer.fit(only_held_out)


def test_an_object_on_two_sides_is_refused(split_textures: Manifest, classical_features: FeatureConfig) -> None:
    training, test = split_textures.on(Split.TRAIN).records[0], split_textures.on(Split.TEST).records[0]
    crossing = split_textures.map(lambda r: replace(r, group="one") if r in (training, test) else r)
    with pytest.raises(DataError, match="one object"):
        HybridTrainer(QUICK, classical_features).fit(crossing)
    other = next(r for r in split_textures.on(Split.TRAIN) if r.fold != training.fold)
    in_two_folds = split_textures.map(lambda r: replace(r, group="one") if r in (training, other) else r)
    with pytest.raises(DataError, match="two"):
        HybridTrainer(QUICK.replace(quick_mode=False), classical_features).fit(in_two_folds)


def test_a_folder_with_other_files_is_left_alone(
    split_textures: Manifest, classical_features: FeatureConfig, tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(OutputError, match="already holds other files"):
        train_model(split_textures, tmp_path, training=QUICK, features=classical_features)
    earlier = shutil.copytree(tiny_model, tmp_path / "earlier")
    with pytest.raises(OutputError, match="--overwrite"):
        train_model(split_textures, earlier, training=QUICK, features=classical_features)


def test_quick_mode_drops_the_slow_blocks() -> None:
    features = HybridTrainer(QUICK, FeatureConfig(use_orb_features=True)).features
    assert not features.use_sift_features
    assert not features.use_orb_features
    assert (QUICK.folds, TrainingConfig().folds, TrainingConfig(cv_folds=4, quick_mode=True).folds) == (3, 5, 4)


def test_the_card_names_classes_figures_and_limits(tiny_model: Path) -> None:
    card = (tiny_model / "MODEL_CARD.md").read_text("utf-8")
    assert "ลายทาง" in card
    figures = [line for line in card.splitlines() if line.startswith(("| log loss", "| Brier", "| balanced", "| acc"))]
    assert [line.split(" ")[1] for line in figures] == ["log", "Brier", "balanced", "accuracy"]
    assert all(" to " in line.split("|")[3] for line in figures)
    assert "expert should confirm" in card
