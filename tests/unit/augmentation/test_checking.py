"""The label check in the stage: mirrored letters are never taught as the same thing, and it says why."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ai_models.augmentation import augment_manifest
from ai_models.cli import main
from ai_models.core.errors import ConfigError, MissingExtraError
from ai_models.core.images import read_image
from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.settings import AugmentationConfig, FeatureConfig, TrainingConfig
from ai_models.crossfit.label_probes import PROBES_FILE, LabelProbes
from ai_models.crossfit.rows import FittingRows
from ai_models.training import trainer
from ai_models.training.trainer import HybridTrainer, _probes

HOG = FeatureConfig(use_cnn_features=False, use_lbp_features=False, use_sift_features=False, use_colour_features=False)
HOG = HOG.replace(image_size=64, cache_features=False)
FLIPS = AugmentationConfig(target_samples=40, augmentation_factor=2, flips=True, workers=2, quality_threshold=0)


def glyph(kind: str, rng: np.random.Generator) -> np.ndarray:
    """b and d, which mirror each other, or a ring and a cross, which mirror themselves: uint8 (64, 64, 3)."""
    y, x = (np.mgrid[:64, :64] - 31.5 + rng.uniform(-2, 2, (2, 1, 1))) / 2
    size, thick, grain = rng.uniform(5, 7), rng.uniform(1.4, 2.6), rng.uniform(25, 40)  # no two are one stamp
    bowl = np.abs(np.hypot(x, y - 3) - size) < thick
    strokes = {
        "b": bowl | ((np.abs(x + size) < thick) & (y > -12) & (y < 10)),
        "d": bowl | ((np.abs(x - size) < thick) & (y > -12) & (y < 10)),
        "ring": np.abs(np.hypot(x, y) - 8) < thick,
        "cross": (np.abs(np.abs(x) - np.abs(y)) < thick) & (np.abs(y) < 9),
    }
    grey = np.clip(150.0 * strokes[kind] + rng.normal(60, grain, (64, 64)), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def folder(root: Path, kinds: tuple[str, str], n: int = 20) -> Manifest:
    rng = np.random.default_rng(0)
    rows = []
    for kind in kinds:
        (root / kind).mkdir(parents=True)
        for i in range(n):
            path = f"{kind}/{i}.png"
            Image.fromarray(glyph(kind, rng)).save(root / path)
            rows.append(ImageRecord(path, kind, width=64, height=64, group=path, split=Split.TRAIN, fold=i % 2))
    return Manifest(root, tuple(rows))


def used(manifest: Manifest) -> set[str]:
    return {name for r in manifest.copies() for name in r.extra["transforms"].split("+")}


def test_mirrored_letters_are_switched_off_with_a_reason(tmp_path: Path) -> None:
    result = augment_manifest(folder(tmp_path / "photographs", ("b", "d")), tmp_path / "out", FLIPS, features=HOG)
    counts = json.loads((tmp_path / "out/augmentation.json").read_text())
    for label, other in (("b", "d"), ("d", "b")):
        found = counts["classes"][label]["label_check"]["flip"]
        assert (found["verdict"], found["used"]) == ("unsafe", False)
        assert found["carried"] >= 18
        assert found["reason"].endswith(f"to another class, mostly {other}")
        assert counts["classes"][label]["label_check"]["brightness"]["used"]
    assert len(result.copies()) == 40
    assert "flip" not in used(result)
    assert "brightness" in used(result)


def test_what_mirrors_itself_is_mirrored_where_asked(tmp_path: Path) -> None:
    rows = folder(tmp_path / "photographs", ("ring", "cross"))
    result = augment_manifest(rows, tmp_path / "out", FLIPS, features=HOG)
    assert "flip" in used(result)
    plain = augment_manifest(rows, tmp_path / "plain", FLIPS.replace(flips=False), features=HOG)
    assert not used(plain) & {"flip", "half_turn", "quarter_turn"}
    unchecked = augment_manifest(rows, tmp_path / "unchecked", FLIPS.replace(flips=False, label_check=False))
    assert not (tmp_path / "unchecked" / PROBES_FILE).exists()
    assert [(r.path, r.sha256) for r in unchecked.copies()] == [(r.path, r.sha256) for r in plain.copies()]


def test_flips_need_the_check() -> None:
    with pytest.raises(ConfigError, match="flips needs label_check"):
        AugmentationConfig(flips=True, label_check=False)


def test_bytes_do_not_depend_on_workers(tmp_path: Path) -> None:
    rows = folder(tmp_path / "photographs", ("b", "d"), n=9)
    for n in (1, 3):
        augment_manifest(rows, tmp_path / f"{n}", FLIPS.replace(workers=n), features=HOG)
    for name in (PROBES_FILE, "augmentation.json", "manifest.csv"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "3" / name).read_bytes()


def test_a_class_left_with_no_transform_gets_no_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ai_models.crossfit.label_safety import Finding

    monkeypatch.setattr(Finding, "allows", lambda self, name: False)
    result = augment_manifest(folder(tmp_path / "photographs", ("b", "d")), tmp_path / "out", FLIPS, features=HOG)
    counts = json.loads((tmp_path / "out/augmentation.json").read_text())
    assert len(result.copies()) == 0
    assert counts["rejected"] == {"every transform is switched off": 40}
    assert counts["not_made"] == 40


def test_training_repeats_the_check_with_what_the_folder_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = augment_manifest(folder(tmp_path / "photographs", ("b", "d")), tmp_path / "out", FLIPS, features=HOG)
    probes = _probes(result)
    assert isinstance(probes, LabelProbes)
    assert len(probes.paths) == 40
    assert _probes(result.originals()) is None

    class Reached(Exception):
        """The rows are about to be fitted."""

    def decide(_extractor: object, _raw: object, rows: FittingRows, *_: object, **__: object) -> None:
        assert rows.check is not None
        assert rows.check.used.any()
        assert rows.check.probes.paths == probes.paths
        raise Reached

    monkeypatch.setattr(trainer, "decide", decide)
    with pytest.raises(Reached):
        HybridTrainer(TrainingConfig(quick_mode=True, cv_folds=2, workers=1), HOG).fit(result)
    (result.root / PROBES_FILE).unlink()
    assert _probes(result) is None


def test_without_torch_one_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ai_models.features import cnn

    monkeypatch.setattr(cnn, "_EXPORTED", {})
    monkeypatch.setattr(cnn, "_LOADED", {})
    monkeypatch.setitem(sys.modules, "torch", None)
    rows = folder(tmp_path / "photographs", ("b", "d"), n=9)
    network = FeatureConfig(cache_features=False)
    with pytest.raises(MissingExtraError, match="torch"):
        augment_manifest(rows, tmp_path / "out", FLIPS, features=network)
    unchecked = FLIPS.replace(flips=False, label_check=False)
    assert augment_manifest(rows, tmp_path / "out", unchecked, features=network).copies()


def test_the_command_says_what_is_off_and_why(tmp_path: Path) -> None:
    folder(tmp_path / "photographs", ("b", "d"), n=24)
    arguments = ["augment", "--input-dir", str(tmp_path / "photographs"), "--output-dir", str(tmp_path / "out")]
    options = ["--target-samples", "30", "--flips", "--no-cnn", "--workers", "1"]
    done = CliRunner().invoke(main, [*arguments, *options, "--cache-dir", str(tmp_path / "cache")])
    assert done.exit_code == 0, done.output
    assert "  flip is switched off: carries " in done.output
    assert "mostly d" in done.output
    sheet = read_image(tmp_path / "out/contact_sheets/b.png")
    assert sheet.shape[1] > 2 * 128


def test_other_backgrounds_come_where_asked_and_only_where_there_is_one(tmp_path: Path) -> None:
    rows = folder(tmp_path / "photographs", ("ring", "cross"), n=9)
    for record, file in zip(rows, rows.files, strict=True):  # rings lie on one colour, crosses on a coarse pattern
        number = int(file.stem)
        noise = np.random.default_rng(number).integers(0, 256, (8, 8, 3)).astype(np.uint8)
        flat = np.full((64, 64, 3), (205, 15, 15), np.uint8)
        picture = flat if record.label == "ring" else noise.repeat(8, axis=0).repeat(8, axis=1)
        picture[20:44, 18:46] = (90 + 12 * number, 70 + 12 * number, 60)
        Image.fromarray(picture).save(file)
    asked = FLIPS.replace(flips=False, backgrounds=True, label_check=False)
    made = augment_manifest(rows, tmp_path / "out", asked, features=HOG)
    by_class = {
        label: {n for r in made.copies() if r.label == label for n in r.extra["transforms"].split("+")}
        for label in ("ring", "cross")
    }
    assert "background" in by_class["ring"]
    assert "background" not in by_class["cross"]
    plain = augment_manifest(rows, tmp_path / "plain", FLIPS.replace(flips=False), features=HOG)
    assert "background" not in used(plain)
    assert all(r.extra["transforms"] for r in made.copies())
    counts = json.loads((tmp_path / "out/augmentation.json").read_text())
    assert counts["settings"]["backgrounds"] is True
