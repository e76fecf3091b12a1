"""The whole stage on a small real model."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ai_models.artifacts import load_model
from ai_models.core.errors import BundleError, DataError, OutputError
from ai_models.core.records import Manifest, Split
from ai_models.core.settings import EvaluationConfig
from ai_models.evaluation import PerformanceAnalyzer, evaluate_model

FAST = EvaluationConfig(bootstrap_draws=100)
QUICK = EvaluationConfig(bootstrap_draws=100, quick=True)


@pytest.fixture(scope="module")
def result(model_dir, strange_dir, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("results") / "first"
    return evaluate_model(model_dir, output, FAST, ood_dirs=[strange_dir]).parent


def read(folder: Path, name: str = "metrics.json"):
    return json.loads((folder / name).read_text("utf-8"))


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_scores_the_held_out_photographs_and_no_copy(result, model_dir):
    rows = Manifest.load(model_dir / "manifest.csv")
    held_out = {r.path for r in rows.on(Split.TEST).originals()}
    written = table(result, "predictions.csv")
    assert {row["path"] for row in written} == held_out
    metrics = read(result)
    assert metrics["source"]["kind"] == "held_out"
    assert metrics["scored"]["images"] == len(held_out)
    assert metrics["scored"]["groups"] == len(set(rows.on(Split.TEST).originals().groups.tolist()))
    assert sum(map(sum, metrics["scored"]["confusion_matrix"]["images"])) == len(held_out)


def test_figures_are_those_of_the_predictions_file(result):
    written = table(result, "predictions.csv")
    right = [row["label"] == row["predicted_class"] for row in written]
    loss = [-np.log(float(row[f"p_{row['label']}"])) for row in written]
    scored = read(result)["scored"]
    assert scored["accuracy"]["estimate"] == pytest.approx(np.mean(right))
    assert scored["nll"]["estimate"] == pytest.approx(np.mean(loss), rel=1e-6)


def test_every_figure_has_an_interval_about_it(result):
    def walk(value):
        if isinstance(value, dict) and set(value) == {"estimate", "low", "high"}:
            yield value
        elif isinstance(value, dict):
            for inner in value.values():
                yield from walk(inner)

    found = list(walk(read(result)["scored"])) + list(walk(read(result)["ood"]))
    assert len(found) > 20
    for figure in found:
        assert figure["low"] - 1e-12 <= figure["estimate"] <= figure["high"] + 1e-12


def test_foreign_images_are_measured_and_the_broken_one_counted(result, strange_dir):
    figures = read(result)["ood"][strange_dir.name]
    assert (figures["images"], figures["unreadable"]) == (9, 1)
    known, foreign = table(result, "predictions.csv"), table(result, "ood_predictions.csv")
    scores = [float(row["ood_score"]) for row in known + foreign]
    expected = roc_auc_score([0] * len(known) + [1] * len(foreign), scores)
    assert figures["auroc"]["estimate"] == pytest.approx(expected)
    assert [row["path"] for row in foreign] == [f"{i}.png" for i in range(9)]
    assert {row["source"] for row in foreign} == {strange_dir.name}


def test_same_bytes_twice_and_no_timing_in_metrics(result, model_dir, strange_dir, tmp_path):
    again = evaluate_model(model_dir, tmp_path / "again", FAST, ood_dirs=[strange_dir]).parent
    for name in ("metrics.json", "predictions.csv", "ood_predictions.csv"):
        assert (again / name).read_bytes() == (result / name).read_bytes()
    assert "seconds" not in (result / "metrics.json").read_text("utf-8")
    speed = read(result, "timings.json")
    assert set(speed["seconds"]) == {"read", "features", "vote", "whole"}
    assert 0 < speed["seconds"]["whole"]["median"] <= speed["seconds"]["whole"]["p95"]


def test_report_is_whole_and_loads_nothing(result):
    page = (result / "report.html").read_text("utf-8")
    for heading in ("Summary", "What can be claimed", "Class by class", "Unknown objects", "Errors", "Speed"):
        assert f">{heading}</h2>" in page
    assert "พระแดง" in page
    assert page.count("<script") == 1  # the one that sorts tables
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:|#)""", page)
    assert page.count("<svg") >= 6


def test_importance_names_what_exists(result, model_dir):
    importance = read(result)["importance"]
    names = set(load_model(model_dir).extractor.get_feature_names_out())
    assert [row["block"] for row in importance["blocks"]] == ["colour"]
    assert importance["blocks"][0]["nll_increase"]["low"] > 0
    assert {row["feature"] for row in importance["features"]} <= names


def test_quick_leaves_out_what_is_slow(model_dir, tmp_path):
    report = evaluate_model(model_dir, tmp_path / "quick", QUICK)
    assert "features" not in read(report.parent)["importance"]
    assert ">Errors</h2>" not in report.read_text("utf-8")
    assert read(report.parent, "timings.json")["images"] == 5


def test_a_model_fitted_on_every_row_shows_its_out_of_fold_figures(whole_model_dir, manifest):
    found = PerformanceAnalyzer(QUICK).analyze(whole_model_dir)
    assert found.metrics["source"]["kind"] == "out_of_fold"
    assert found.metrics["scored"]["images"] == len(manifest)
    assert "gap" not in found.metrics
    assert "importance" not in found.metrics


def test_a_folder_of_the_users_without_what_was_trained_on(model_dir, photographs, tmp_path):
    """The training folder itself: every training picture is a leak, what is left are the held-out ones."""
    found = PerformanceAnalyzer(FAST).analyze(model_dir, test_data_dir=photographs)
    rows = Manifest.load(model_dir / "manifest.csv")
    training = {r.path for r in rows.on(Split.TRAIN)}
    leaks = {item.path for item in found.scored.left_out if item.kind == "leak"}
    assert training <= leaks | {"copy.png"}
    assert not {r.path for r in found.scored.manifest} & training
    assert {item.path for item in found.scored.left_out if item.kind == "no label"} == {"copy.png"}


def test_unknown_labels_and_unreadable_files_are_named(model_dir, coloured, tmp_path):
    coloured(tmp_path / "green" / "new.png", "green", 5001)
    coloured(tmp_path / "purple" / "new.png", "green", 5002)
    (tmp_path / "green" / "broken.png").write_bytes(b"\x89PNG no")
    found = PerformanceAnalyzer(QUICK).analyze(model_dir, test_data_dir=tmp_path)
    assert {(i.path, i.kind) for i in found.scored.left_out} == {
        ("green/broken.png", "unreadable"),
        ("purple/new.png", "unknown label"),
    }
    assert found.metrics["scored"]["images"] == 1


def test_a_manifest_of_the_users(model_dir, manifest, photographs):
    rows = Manifest.load(model_dir / "manifest.csv", root=photographs)
    found = PerformanceAnalyzer(QUICK).analyze(model_dir, manifest=rows)
    assert {r.path for r in found.scored.manifest} == {r.path for r in rows.on(Split.TEST).originals()}


def test_user_faults_end_in_one_sentence(model_dir, tmp_path):
    analyzer = PerformanceAnalyzer(QUICK)
    (tmp_path / "empty").mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="nothing at"):
        analyzer.analyze(tmp_path / "absent")
    with pytest.raises(BundleError, match="not a model directory"):
        analyzer.analyze(tmp_path / "empty")
    with pytest.raises(DataError, match="holds no image"):
        analyzer.analyze(model_dir, test_data_dir=tmp_path / "empty")
    with pytest.raises(DataError, match="holds no image"):
        analyzer.analyze(model_dir, ood_dirs=[tmp_path / "empty"])
    with pytest.raises(OutputError, match="already holds other files"):
        analyzer.evaluate(model_dir, tmp_path / "kept")
