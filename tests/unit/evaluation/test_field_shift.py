"""Drawn shapes on one colour: a model that sees only colour is caught out, one that sees shape is cleared."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ai_models.backgrounds import TEXTURES
from ai_models.core.images import read_image
from ai_models.core.predictions import OodVerdict, Predictions
from ai_models.core.records import ImageRecord, Manifest
from ai_models.core.settings import EvaluationConfig, FeatureConfig, InspectionConfig, TrainingConfig
from ai_models.evaluation import evaluate_model
from ai_models.evaluation.field_shift import common_colour, field_shift_figures
from ai_models.evaluation.field_shift_section import background_sentence
from ai_models.evaluation.rows import TestRows
from ai_models.evaluation.scoring import Foreign, Scored
from ai_models.features import RawFeatures
from ai_models.inspection import scan
from ai_models.splitting import split_for_training
from ai_models.training import train_model

RED, BLUE = (205, 20, 20), (30, 60, 190)
CONFIG = EvaluationConfig(quick=True, bootstrap_draws=200, field_shift=True, gallery_size=0, workers=1)


def draw(
    path: Path, kind: str, ground: tuple[int, int, int], seed: int, own: tuple[int, int, int] = (175, 140, 80)
) -> None:
    """Write a disc or a square on one colour, a little noisy."""
    rng = np.random.default_rng([seed, len(kind)])
    side, inside = 64, np.zeros((64, 64), np.uint8)
    cx, cy, r = (int(v) for v in (rng.integers(28, 36), rng.integers(28, 36), rng.integers(15, 19)))
    if kind == "disc":
        cv2.circle(inside, (cx, cy), r, 1, -1)
    else:
        inside[cy - r : cy + r, cx - r : cx + r] = 1
    tone = np.array(ground) + rng.normal(0, 5, 3)
    picture = np.where(inside[..., None] > 0, np.array(own) + rng.normal(0, 12, 3), tone) + rng.normal(
        0, 4, (side, side, 3)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("shapes")
    for kind in ("disc", "square"):
        for i in range(34):
            draw(root / kind / f"{i:02}.png", kind, RED, i)
    return root


@pytest.fixture(scope="module")
def same_things_elsewhere(tmp_path_factory) -> Path:
    """Foreign by its background alone: discs and squares, on blue."""
    root = tmp_path_factory.mktemp("elsewhere")
    for i in range(30):
        draw(root / f"{i:02}.png", "disc" if i % 2 else "square", BLUE, 500 + i)
    return root


def _model(shapes: Path, folder: Path, test_size: float = 0.4, **blocks: bool) -> Path:
    off = dict.fromkeys((f"use_{b}_features" for b in ("cnn", "hog", "lbp", "sift", "colour")), False)
    features = FeatureConfig(**{**off, **blocks}, image_size=64, cache_features=False)  # type: ignore[arg-type]
    manifest = scan(shapes, InspectionConfig(quick_mode=True, check_duplicates=False, workers=1)).manifest
    split = split_for_training(manifest, test_size=test_size, folds=3, seed=0)
    return train_model(split, folder, training=TrainingConfig(quick_mode=True, workers=1), features=features)


@pytest.fixture(scope="module")
def by_colour(shapes, same_things_elsewhere, tmp_path_factory):
    """Figures and page of a model that sees colours alone."""
    place = tmp_path_factory.mktemp("colour")
    model = _model(shapes, place / "m", use_colour_features=True)
    report = evaluate_model(model, place / "r", CONFIG, ood_dirs=[same_things_elsewhere])
    return json.loads((report.parent / "metrics.json").read_text("utf-8")), report.read_text("utf-8")


def test_an_ood_figure_that_is_only_the_background_is_named_in_the_report(by_colour):
    metrics, page = by_colour
    (name,) = metrics["ood"]
    assert metrics["ood"][name]["auroc"]["estimate"] > 0.99  # looks perfect
    found = metrics["field_shift"]["ood"][name]
    assert found["standing"] == "only"
    assert found["foreign_moved"]["after"]["low"] <= 0.5  # the same things on the same background
    assert found["known_moved"]["standing"] in {"only", "mostly", "partly"}  # some surfaces look more usual than blue
    assert f"The AUROC against &#39;{name}&#39; measures only the background." in page


def test_known_things_on_other_backgrounds_are_called_foreign_by_it(by_colour):
    metrics, page = by_colour
    found = metrics["field_shift"]
    assert found["measured"] is True
    assert found["with_background"] == found["images"]
    assert np.abs(np.array(found["colour"]) - RED).max() < 12
    assert found["after"]["called_ood"]["estimate"] > found["before"]["called_ood"]["estimate"] + 0.5
    assert list(found["kinds"]) == sorted(TEXTURES)
    assert found["after"]["images"] == len(TEXTURES) * found["before"]["images"]
    assert found["after"]["groups"] == found["before"]["groups"]
    mean = np.mean([k["accuracy"]["estimate"] for k in found["kinds"].values()])
    assert found["after"]["accuracy"]["estimate"] == pytest.approx(mean)
    change = found["after"]["accuracy"]["estimate"] - found["before"]["accuracy"]["estimate"]
    assert found["change"]["accuracy"]["estimate"] == pytest.approx(change)
    assert "other backgrounds alone make the model take known objects for foreign ones" in page


class _SeesTheMiddle:
    """A model whose OOD score is the distance of the picture's middle from ochre: it cannot see the background."""

    classes = ("disc", "square")

    def __init__(self) -> None:
        self.config, self.workers, self.extractor = FeatureConfig(image_size=64), 1, self

    def extract_raw(self, items, *, on_error: str, label: str) -> RawFeatures:
        return RawFeatures({"middle": np.stack([item[28:36, 28:36].mean(axis=(0, 1)) for item in items])})

    def encode(self, raw: RawFeatures) -> np.ndarray:
        return raw.blocks["middle"]

    def judge_raw(self, raw: RawFeatures) -> Predictions:
        X = self.encode(raw)
        scores = np.linalg.norm(X - (175, 140, 80), axis=1)
        p = np.tile([0.8, 0.2], (len(X), 1))
        verdicts = tuple(OodVerdict.OOD if s > 60 else OodVerdict.IN_DOMAIN for s in scores)
        return Predictions(self.classes, p, p > 0.1, scores, np.ones(len(X)), verdicts)


def _seen(model: _SeesTheMiddle, files: list[Path]) -> Predictions:
    return model.judge_raw(model.extract_raw([read_image(f) for f in files], on_error="", label=""))


def test_an_ood_figure_of_the_object_is_cleared(tmp_path):
    model = _SeesTheMiddle()
    records = []
    for i in range(40):
        kind = "disc" if i % 2 else "square"
        draw(tmp_path / kind / f"{i:02}.png", kind, RED, i)
        draw(tmp_path / "grey" / f"{i:02}.png", kind, RED, 800 + i, own=(110, 115, 125))
        records.append(ImageRecord(f"{kind}/{i:02}.png", kind, group=str(i)))
    rows = Manifest(tmp_path, tuple(records))
    y = np.array([model.classes.index(r.label) for r in rows], dtype=np.int64)
    scored = Scored(TestRows("folder", rows), rows, y, _seen(model, rows.files), np.zeros((40, 1), np.float32), ())
    grey = sorted((tmp_path / "grey").iterdir())
    groups = np.arange(40).astype(str)
    foreign = Foreign("grey", tmp_path / "grey", tuple(grey), groups, _seen(model, grey), ())
    found = field_shift_figures(model, scored, [foreign], CONFIG)
    assert found["ood"]["grey"]["standing"] == "not the background"
    assert found["ood"]["grey"]["known_moved"]["after"]["estimate"] > 0.99
    assert found["ood"]["grey"]["foreign_moved"]["after"]["estimate"] > 0.99
    assert found["after"]["called_ood"]["estimate"] == found["before"]["called_ood"]["estimate"] == 0
    assert found["change"]["accuracy"]["estimate"] == 0
    assert found["change"]["accuracy"]["low"] < 0  # no photograph differs: what 40 objects cannot exclude


def test_a_model_fitted_on_every_photograph_is_not_flattered(shapes, tmp_path):
    model = _model(shapes, tmp_path / "m", test_size=0.0, use_colour_features=True)
    report = evaluate_model(model, tmp_path / "r", CONFIG)
    found = json.loads((report.parent / "metrics.json").read_text("utf-8"))["field_shift"]
    assert found["measured"] is False
    assert "fitted on every photograph" in found["why"]


def test_photographs_without_a_background_of_one_colour_are_told(model_dir, tmp_path):
    report = evaluate_model(model_dir, tmp_path / "r", CONFIG)
    found = json.loads((report.parent / "metrics.json").read_text("utf-8"))["field_shift"]
    assert found["measured"] is False
    assert "too few to show what a change of it does" in found["why"]
    assert found["why"] in report.read_text("utf-8")


def test_nothing_is_measured_unasked(model_dir, tmp_path):
    report = evaluate_model(model_dir, tmp_path / "r", CONFIG.replace(field_shift=False))
    assert "field_shift" not in json.loads((report.parent / "metrics.json").read_text("utf-8"))
    assert "add --field-shift" in report.read_text("utf-8")


def test_the_common_colour_is_of_the_many_and_not_a_mean_of_all():
    red, black = np.array([200, 10, 10], np.uint8), np.array([5, 5, 5], np.uint8)
    many = [red, red + np.uint8(2), red + np.uint8(4), black]
    assert common_colour(many).tolist() == [202, 12, 12]
    assert common_colour(many[::-1]).tolist() == [202, 12, 12]


def test_foreign_images_that_cannot_be_moved_are_told():
    ends = {"estimate": 0.9, "low": 0.8, "high": 1.0}
    moved = {"before": ends, "after": ends, "lost": ends, "standing": "too few to say"}
    found = {
        "known_moved": moved,
        "foreign_moved": None,
        "images": 9,
        "with_background": 2,
        "standing": "too few to say",
    }
    text = background_sentence("beach", found)
    assert "so few images cannot say" in text
    assert "2 of 9 have a background of one colour" in text
