"""The surest errors are explained: with maps for held-out photographs, by other objects alone out of fold."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ai_models.core.records import Manifest
from ai_models.core.settings import EvaluationConfig
from ai_models.evaluation import PerformanceAnalyzer, evaluate_model
from ai_models.evaluation.explained_errors import surest_errors

CONFIG = EvaluationConfig(bootstrap_draws=100, gallery_size=4, explained_errors=2, workers=1)


@pytest.fixture(scope="module")
def swapped(split_textures, tmp_path_factory) -> Path:
    """Pictures that the model has not seen, each in the folder of another class: every one of them is an error."""
    from ai_models.core.records import Split

    root = tmp_path_factory.mktemp("swapped")
    held_out = split_textures.on(Split.TEST)
    names = split_textures.classes
    for row in held_out:
        other = names[(names.index(row.label) + 1) % len(names)]
        (root / other).mkdir(exist_ok=True)
        shutil.copy(held_out.root / row.path, root / other / f"{row.label}-{Path(row.path).name}")
    return root


@pytest.fixture(scope="module")
def report(tiny_network_model, swapped, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("reports") / "swapped"
    return evaluate_model(tiny_network_model, place, CONFIG, test_data_dir=swapped)


def test_the_surest_errors_are_explained(report):
    figures = json.loads((report.parent / "metrics.json").read_text(encoding="utf-8"))["explained_errors"]
    assert len(figures) == 2
    page = report.read_text(encoding="utf-8")
    assert "Errors explained" in page
    assert len(re.findall(r"beats \d of 3 random maps", page)) == 2
    for one in figures:
        assert one["label"] != one["predicted_class"]
        assert len(one["nearest"]) == 3
        assert len(one["heat_map"]["random_gains"]) == 3
        assert -1 <= one["heat_map"]["gain"] <= 1
        assert f"{one['label']}, taken for {one['predicted_class']}" in page
        assert all(n["path"] in page.replace("<wbr>", "") for n in one["nearest"])


def test_they_are_those_with_the_least_probability_on_the_truth(tiny_network_model, swapped):
    found = PerformanceAnalyzer(CONFIG).analyze(tiny_network_model, test_data_dir=swapped)
    p = found.scored.predictions.probabilities[range(len(found.scored.y)), found.scored.y]
    wrong = surest_errors(found.scored, 100)
    assert [e.row for e in found.explained] == wrong[:2]
    assert [p[i] for i in wrong] == sorted(p[i] for i in wrong)
    assert all(e.explanation is not None for e in found.explained)


@pytest.mark.parametrize("change", [{"quick": True}, {"explained_errors": 0}, {"gallery_size": 0}], ids=str)
def test_nothing_is_explained_unasked(tiny_network_model, swapped, change):
    found = PerformanceAnalyzer(CONFIG.replace(**change)).analyze(tiny_network_model, test_data_dir=swapped)
    assert found.explained == ()
    assert "explained_errors" not in found.metrics


def test_out_of_fold_errors_have_neighbours_of_other_objects_and_no_map(tiny_network_model, relist, tmp_path):
    """No held-out rows are left, and two out-of-fold predictions are turned into errors."""
    folder = shutil.copytree(tiny_network_model, tmp_path / "model")
    manifest = Manifest.load(folder / "manifest.csv")
    kept = manifest.where(lambda r: r.fold >= 0).map(
        lambda r: replace(r, group="pair" if r.path.endswith(("00.png", "01.png")) else r.group)
    )
    (folder / "manifest.csv").write_bytes(kept.to_csv())
    rows = (folder / "oof_predictions.csv").read_text(encoding="utf-8").splitlines()
    columns = [i for i, name in enumerate(rows[0].split(",")) if name.startswith("p_")]
    for place in (1, 2):
        cells = rows[place].split(",")
        for column, p in zip(columns, ("0.01", "0.01", "0.98"), strict=True):
            cells[column] = p
        rows[place] = ",".join(cells)
    (folder / "oof_predictions.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    relist(folder)
    report = evaluate_model(folder, tmp_path / "report", CONFIG)
    figures = json.loads((report.parent / "metrics.json").read_text(encoding="utf-8"))["explained_errors"]
    group = {r.path: r.group or r.path for r in kept}
    assert figures
    for one in figures:
        assert "heat_map" not in one
        assert group[one["path"]] not in {group[n["path"]] for n in one["nearest"]}
    assert "these predictions come from models without the photograph&#39;s fold" in report.read_text(encoding="utf-8")


def test_an_older_model_directory_is_judged_without(model_dir, tmp_path):
    report = evaluate_model(model_dir, tmp_path / "report", CONFIG)
    assert "Errors explained" not in report.read_text(encoding="utf-8")
