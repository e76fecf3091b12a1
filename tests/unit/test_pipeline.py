"""The pipeline hands each stage what it was given, and what the stage before it made."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import ai_models.augmentation
import ai_models.evaluation
import ai_models.features
import ai_models.inspection
import ai_models.training.trainer
from ai_models.artifacts import Trust
from ai_models.core.errors import DataError, OutputError
from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.settings import (
    AugmentationConfig,
    EvaluationConfig,
    FeatureConfig,
    InspectionConfig,
    PreprocessConfig,
    TrainingConfig,
)
from ai_models.pipeline import prepare_manifest, run


@pytest.fixture
def stages(monkeypatch, tmp_path):
    """Replace every stage by one that notes what it gets."""
    calls = {}
    root = tmp_path / "photographs"
    root.mkdir()
    rows = [ImageRecord(f"{c}/{i}.png", label=c, group=f"{c}{i}") for c in "ab" for i in range(8)]

    def noting(name, result):
        def stage(*given, **named):
            calls[name] = (given, named)
            return result(*given) if callable(result) else result

        return stage

    def evaluated(model_dir, output, *_):
        output.mkdir(parents=True)
        (output / "metrics.json").write_text(json.dumps({"scored": 1}), encoding="utf-8")
        return output / "report.html"

    class Extractor:
        def __init__(self, *given, **named):
            calls["extract"] = (given, named)

        def extract_raw(self, files):
            calls["files"] = files

    found = SimpleNamespace(manifest=Manifest(root, tuple(rows)), groups_complete=True)
    monkeypatch.setattr(ai_models.inspection, "inspect_dataset", noting("inspect", found))
    monkeypatch.setattr(ai_models.augmentation, "augment_manifest", noting("augment", lambda rows, *_: rows))
    monkeypatch.setattr(ai_models.features, "HybridFeatureExtractor", Extractor)
    monkeypatch.setattr(ai_models.training.trainer, "train_model", noting("train", lambda rows, output: output))
    monkeypatch.setattr(ai_models.evaluation, "evaluate_model", noting("evaluate", evaluated))
    return SimpleNamespace(calls=calls, root=root)


def test_settings_and_rows_reach_their_stages(stages, tmp_path):
    said = []
    given = {
        "inspection": InspectionConfig(strict=True),
        "augmentation": AugmentationConfig(target_samples=9),
        "features": FeatureConfig(use_orb_features=True),
        "preprocess": PreprocessConfig(preset="basic"),
        "training": TrainingConfig(cv_folds=3, test_size=0.25, seed=5),
        "evaluation": EvaluationConfig(bootstrap_draws=111),
    }
    result = run(stages.root, tmp_path / "m", **given, groups_csv="g.csv", ood_dirs=["o"], tell=said.append)
    calls = stages.calls
    assert calls["inspect"] == ((stages.root, tmp_path / "m" / "inspection", given["inspection"]), {
        "groups_csv": "g.csv", "overwrite": False,
    })  # fmt: skip
    rows, place, copying = calls["augment"][0]
    assert (place, copying) == (tmp_path / "m" / "data", given["augmentation"])
    assert {r.fold for r in rows.on(Split.TRAIN)} == {0, 1, 2}
    assert len(rows.on(Split.TEST)) == 4
    assert calls["extract"][0] == (given["features"], given["preprocess"])
    assert calls["files"] == rows.files
    assert calls["train"] == ((rows, tmp_path / "m"), {
        "training": given["training"], "features": given["features"], "preprocess": given["preprocess"],
        "overwrite": False, "more_to_come": True,
    })  # fmt: skip
    assert calls["evaluate"] == ((tmp_path / "m", tmp_path / "m" / "report", given["evaluation"]), {
        "ood_dirs": ["o"], "overwrite": False, "trust": Trust(allow_unsigned=True),
    })  # fmt: skip
    assert (result.model_dir, result.report, result.figures) == (
        tmp_path / "m", tmp_path / "m" / "report" / "report.html", {"scored": 1},
    )  # fmt: skip
    assert len(said) == 6
    assert not (tmp_path / "m" / ".unfinished").exists()


def test_a_run_that_was_stopped_replaces_what_it_had_made_itself(stages, tmp_path, monkeypatch):
    def stopped(model_dir, output, *_, **__):
        (output / "half").mkdir(parents=True)
        (model_dir / "bundle.json").write_text("{}", encoding="utf-8")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ai_models.evaluation, "evaluate_model", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(stages.root, tmp_path / "m")
    assert not stages.calls["train"][1]["overwrite"]
    assert (tmp_path / "m" / ".unfinished").is_dir()
    run(stages.root, tmp_path / "m")
    assert all(stages.calls[stage][1]["overwrite"] for stage in ("inspect", "augment", "train", "evaluate"))
    assert not (tmp_path / "m" / "report" / "half").exists()
    assert not (tmp_path / "m" / ".unfinished").exists()
    with pytest.raises(OutputError, match="--overwrite"):
        run(stages.root, tmp_path / "m")


def test_without_a_cache_nothing_is_extracted_twice(stages, tmp_path):
    run(stages.root, tmp_path / "m", features=FeatureConfig(cache_features=False))
    assert "extract" not in stages.calls


def test_quick_mode_extracts_only_what_training_uses(stages, tmp_path):
    run(stages.root, tmp_path / "m", training=TrainingConfig(quick_mode=True))
    assert not stages.calls["extract"][0][0].use_sift_features


def test_a_place_that_holds_something_else_is_refused_before_anything_is_done(stages, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "diary.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match=r"diary\.txt"):
        run(stages.root, tmp_path / "m")
    assert stages.calls == {}


def test_rows_need_a_source():
    with pytest.raises(DataError, match="no images are named"):
        prepare_manifest(None)


def test_groups_of_the_user_rename_those_of_a_manifest(tmp_path: Path):
    for name in ("1", "2", "3"):
        pixels = np.random.default_rng(int(name)).integers(0, 256, (48, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    (tmp_path / "rows.csv").write_text("path,label,group\n1.png,a,x\n2.png,a,x\n3.png,b,y\n", encoding="utf-8")
    (tmp_path / "groups.csv").write_text("file,group\n2.png,mine\n", encoding="utf-8")
    rows = prepare_manifest(None, manifest_csv=tmp_path / "rows.csv", groups_csv=tmp_path / "groups.csv")
    assert [r.group for r in rows] == ["mine", "mine", "y"]


def test_copies_in_a_handed_manifest_are_joined_whatever_its_groups_say(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    for name in ("1", "2", "3"):
        Image.fromarray(pixels[:, ::-1] if name == "3" else pixels).save(tmp_path / f"{name}.png")
    (tmp_path / "rows.csv").write_text("path,label,group\n1.png,a,x\n2.png,a,y\n3.png,a,y\n", encoding="utf-8")
    (tmp_path / "groups.csv").write_text("file,group\n1.png,one\n2.png,two\n", encoding="utf-8")
    for csv in (None, tmp_path / "groups.csv"):
        rows = prepare_manifest(None, manifest_csv=tmp_path / "rows.csv", groups_csv=csv)
        assert len({r.group for r in rows}) == 1


def test_groups_of_the_user_never_split_those_of_a_manifest(tmp_path: Path):
    for name in ("1", "2", "3"):
        drawn = np.random.default_rng(int(name)).integers(0, 256, (48, 48, 3), dtype=np.uint8)
        Image.fromarray(drawn).save(tmp_path / f"{name}.png")
    (tmp_path / "rows.csv").write_text("path,label,group\n1.png,a,x\n2.png,a,x\n3.png,a,x\n", encoding="utf-8")
    (tmp_path / "groups.csv").write_text("file,group\n1.png,one\n2.png,two\n", encoding="utf-8")
    rows = prepare_manifest(None, manifest_csv=tmp_path / "rows.csv", groups_csv=tmp_path / "groups.csv")
    assert len({r.group for r in rows}) == 1
