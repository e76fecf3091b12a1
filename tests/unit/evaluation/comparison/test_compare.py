"""Model directories and evaluations on either side."""

import csv
import json
import shutil

import pytest

from ai_models.core.errors import DataError, OutputError
from ai_models.core.settings import EvaluationConfig
from ai_models.evaluation import evaluate_model
from ai_models.evaluation.comparison import compare, compare_models
from ai_models.evaluation.comparison.sides import read_side

CONFIG = EvaluationConfig(quick=True, bootstrap_draws=100, workers=1)


@pytest.fixture(scope="module")
def evaluation(model_dir, tmp_path_factory):
    place = tmp_path_factory.mktemp("evaluations") / "ประเมิน"
    evaluate_model(model_dir, place, CONFIG)
    return place


def test_a_model_is_no_better_than_its_own_evaluation(model_dir, evaluation):
    made = compare(model_dir, evaluation, CONFIG)
    assert made.found["a"]["judged"] == made.found["b"]["judged"]
    assert made.found["a"]["judged"].startswith("held out")
    assert made.found["figures"]["nll"]["a_better_by"]["estimate"] == pytest.approx(0, abs=1e-8)
    assert made.found["figures"]["accuracy"]["p"] == 1
    assert made.found["images"] == len(read_side(model_dir).paths)
    table = compare(evaluation / "predictions.csv", model_dir, CONFIG)
    assert table.found["groups"] == made.found["groups"]
    assert "copy.png" not in made.rows.paths


def test_out_of_fold_rows_of_a_whole_model(whole_model_dir, model_dir):
    side = read_side(whole_model_dir, workers=1)
    assert side.kind == "out_of_fold"
    held = read_side(model_dir, workers=1)
    made = compare(whole_model_dir, model_dir, CONFIG)
    assert set(made.rows.paths) == set(held.paths)
    assert made.found["a"]["only_here"] == len(side.paths) - len(held.paths)


def test_writes_a_page_and_figures_and_replaces_neither_unasked(model_dir, evaluation, tmp_path):
    page = compare_models(evaluation, model_dir, tmp_path / "out", CONFIG)
    found = json.loads((tmp_path / "out" / "comparison.json").read_text("utf-8"))
    text = page.read_text("utf-8")
    assert evaluation.name in text
    for name in ("nll", "brier", "accuracy", "balanced_accuracy"):
        assert found["figures"][name]["a_better_by"]["low"] <= found["figures"][name]["a_better_by"]["high"]
        assert found["answers"][name]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError):
        compare_models(evaluation, model_dir, tmp_path / "mine", CONFIG)


def test_equal_names_are_told_apart(model_dir, tmp_path):
    again = tmp_path / model_dir.name
    shutil.copytree(model_dir, again)
    found = compare(model_dir, again, CONFIG).found
    assert (found["a"]["name"], found["b"]["name"]) == (f"{model_dir.name} (A)", f"{model_dir.name} (B)")


def test_what_is_neither_model_nor_evaluation_is_told(tmp_path, model_dir, evaluation):
    with pytest.raises(DataError, match="neither a model directory nor an evaluation"):
        compare(model_dir, tmp_path, CONFIG)
    rows = list(csv.DictReader((evaluation / "predictions.csv").read_text("utf-8").splitlines()))
    unlabelled = tmp_path / "predictions.csv"
    unlabelled.write_text("path,confidence,p_a,prediction_set\nx,1,1,a\n")
    with pytest.raises(DataError, match="lacks the columns"):
        compare(model_dir, unlabelled, CONFIG)
    damaged = tmp_path / "damaged.csv"
    with damaged.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerow(rows[0] | {"p_green": "much"})
    with pytest.raises(DataError, match="damaged"):
        compare(model_dir, damaged, CONFIG)
