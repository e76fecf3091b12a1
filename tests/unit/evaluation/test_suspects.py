"""Planted wrong labels are found and ranked; one object is one suspect; what is written."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.settings import EvaluationConfig
from ai_models.evaluation import evaluate_model
from ai_models.evaluation.suspects import LABEL, Judged, find_suspects
from ai_models.evaluation.suspects_section import label_sentence, outlier_sentence
from ai_models.folds import GroupedStratifiedKFold
from ai_models.metrics import auroc

QUICK = EvaluationConfig(bootstrap_draws=100, quick=True)
CLASSES = ("a", "b", "c")


def planted(share: float, seed: int) -> tuple[Judged, np.ndarray]:
    """Return objects of three classes in two or three photographs, a share of the objects under another label."""
    rng = np.random.default_rng(seed)
    true = np.arange(120) % 3
    looks = 2.2 * np.eye(3, 8)[true] + 0.5 * rng.standard_normal((120, 8))
    wrong = np.zeros(120, dtype=bool)
    wrong[rng.permutation(120)[: round(share * 120)]] = True
    given = np.where(wrong, (true + rng.integers(1, 3, 120)) % 3, true)
    owner = np.repeat(np.arange(120), 2 + np.arange(120) % 2)
    X = looks[owner] + 0.2 * rng.standard_normal((len(owner), 8))
    y, groups = given[owner], np.char.add("o", owner.astype(str))
    p = cross_val_predict(
        LogisticRegression(), X, y, groups=groups, cv=GroupedStratifiedKFold(5), method="predict_proba"
    )
    records = tuple(
        ImageRecord(f"{i}.png", CLASSES[label], group=group)
        for i, (label, group) in enumerate(zip(y.tolist(), groups.tolist(), strict=True))
    )
    files = tuple(Path(r.path) for r in records)
    return Judged(records, files, y, p, groups, ("out_of_fold",) * len(y), CLASSES), wrong[owner]


@pytest.mark.parametrize("share", [0.05, 0.1])
def test_planted_labels_come_first(share):
    judged, wrong = planted(share, seed=1)
    found = find_suspects(judged, None, QUICK)
    doubted = found.of_kind(LABEL)
    listed = np.zeros(len(wrong), dtype=bool)
    listed[[i for s in doubted for i in s.rows]] = True
    assert listed[wrong].mean() >= 0.65  # recall: what no class is confident of stays out of the list, and ranks high
    assert wrong[listed].mean() >= 0.8  # precision
    n = round(share * 120)
    first = [i for s in doubted[:n] for i in s.rows]
    assert wrong[first].mean() >= 0.8
    assert auroc(-found.margins[~wrong], -found.margins[wrong]) > 0.97
    assert [s.margin for s in doubted] == sorted(s.margin for s in doubted)


def test_right_labels_raise_no_more_than_the_model_expects():
    judged, _ = planted(0.0, seed=2)
    figures = find_suspects(judged, None, QUICK).figures()
    assert figures["label"]["groups"] <= figures["label"]["at_most_groups"]
    assert figures["label"]["chance_of_as_many"] > 0.05


def test_an_object_is_one_suspect_with_all_its_photographs():
    judged, _ = planted(0.1, seed=1)
    found = find_suspects(judged, None, QUICK)
    for s in found.ranked:
        groups = {judged.groups[i] for i in s.rows}
        assert len(groups) == 1
        assert len(s.rows) == int((judged.groups == next(iter(groups))).sum()) > 1
        assert s.self_confidence == pytest.approx(judged.p[list(s.rows), CLASSES.index(s.label)].mean())
        assert s.suggested != s.label
    figures = found.figures()
    assert (figures["images"], figures["groups"]) == (len(judged.y), 120)
    assert figures["label"]["images"] == sum(len(s.rows) for s in found.of_kind(LABEL))
    assert sum(pair["groups"] for pair in figures["label"]["pairs"]) == figures["label"]["groups"]
    rows = list(csv.DictReader(io.StringIO(found.to_csv().decode("utf-8"))))
    assert len(rows) == sum(len(s.rows) for s in found.ranked)
    assert (rows[0]["rank"], rows[0]["kind"], rows[0]["outlier_p"]) == ("1", "label", "")
    assert {r["group"] for r in rows if r["rank"] == "1"} == {judged.groups[found.ranked[0].rows[0]]}


def test_one_label_for_all_doubts_none():
    judged, _ = planted(0.0, seed=2)
    sure = np.where(np.arange(3) == judged.y[:, None], 0.98, 0.01)
    found = find_suspects(
        Judged(judged.records, judged.files, judged.y, sure, judged.groups, judged.sources, CLASSES), None, QUICK
    )
    assert found.ranked == ()
    assert label_sentence(found.figures()).startswith("No label is doubted")
    assert "quick mode" in outlier_sentence(found.figures())


def test_the_sentence_weighs_the_list_against_the_models_own_doubt():
    label = {"groups": 9, "images": 12, "expected_groups": 3.1, "at_most_groups": 6}
    assert "more than these explain" in label_sentence({"groups": 100, "label": label})
    assert "proves no wrong label" in label_sentence({"groups": 100, "label": label | {"at_most_groups": 9}})


@pytest.fixture(scope="module")
def result(model_dir, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("suspects") / "out"
    return evaluate_model(model_dir, output, EvaluationConfig(bootstrap_draws=100)).parent


def test_training_and_held_out_photographs_are_looked_at_and_written(result, model_dir):
    from ai_models.cli.headline import headline

    metrics = json.loads((result / "metrics.json").read_text("utf-8"))
    rows = Manifest.load(model_dir / "manifest.csv")
    known = rows.on(Split.TRAIN, Split.TEST).originals()
    found = metrics["suspects"]
    assert (found["images"], found["groups"]) == (len(known), len(set(known.groups.tolist())))
    with (result / "suspects.csv").open(encoding="utf-8", newline="") as stream:
        written = list(csv.DictReader(stream))
    assert {r["path"] for r in written} <= {r.path for r in known}
    for kind in ("label", "outlier"):
        assert sum(kind in r["kind"] for r in written) == found[kind]["images"]
    assert all(r["outlier_p"] for r in written)
    page = (result / "report.html").read_text("utf-8")
    assert ">Suspect labels</h2>" in page
    assert outlier_sentence(found) in page
    assert any(line.startswith(f"suspect labels     {found['label']['groups']} objects") for line in headline(metrics))


def test_a_folder_of_the_users_is_looked_at_too(model_dir, coloured, tmp_path):
    """Three pictures of one colour under another's name: suspects, beside the training photographs."""
    from ai_models.evaluation import PerformanceAnalyzer

    for i in range(4):
        coloured(tmp_path / "new" / ("blue" if i else "green") / f"{i}.png", (90, 145, 85), 7000 + i, 4)
    found = (
        PerformanceAnalyzer(EvaluationConfig(bootstrap_draws=100))
        .analyze(model_dir, test_data_dir=tmp_path / "new")
        .suspects
    )
    named = {found.judged.files[i] for s in found.of_kind(LABEL) for i in s.rows}
    assert {tmp_path / "new" / "blue" / f"{i}.png" for i in (1, 2, 3)} <= named
    assert {"out_of_fold", "folder"} == set(found.judged.sources)


def test_outliers_are_left_out_with_the_reason(model_dir, coloured, tmp_path):
    import copy
    from dataclasses import replace

    from ai_models.artifacts import load_model
    from ai_models.core.settings import FeatureConfig

    judged, _ = planted(0.1, seed=1)
    model = load_model(model_dir)
    whole = EvaluationConfig()
    gone = replace(judged, files=tuple(tmp_path / f.name for f in judged.files))
    figures = find_suspects(gone, model, whole).figures()
    assert figures["outlier"] is None
    assert outlier_sentence(figures) == f"Not measured: {len(judged.y)} photographs are not where they were."
    learned = copy.copy(model)
    learned.extractor = copy.copy(model.extractor)
    learned.extractor.config = FeatureConfig(
        use_cnn_features=False, use_hog_features=False, use_lbp_features=False, use_colour_features=False
    )
    assert "codebook" in find_suspects(gone, learned, whole).reason


def test_cards_say_what_is_doubted_and_how_many_photographs_there_are(model_dir, coloured, tmp_path):
    from dataclasses import replace

    from ai_models.artifacts import load_model
    from ai_models.evaluation.suspects_section import add_suspects_section
    from ai_models.reporting.page import Page

    judged, _ = planted(0.1, seed=1)
    strange = {"o7": (250, 250, 5), "o8": (200, 60, 200)}  # unlike the others
    for i, group in enumerate(judged.groups.tolist()):
        colour, spread = (strange[group], 0) if group in strange else ((90, 145, 85), 8)
        coloured(tmp_path / f"{i}.png", colour, int(group[1:]), spread)
    there = replace(judged, files=tuple(tmp_path / f.name for f in judged.files))
    found = find_suspects(there, load_model(model_dir), EvaluationConfig())
    outlier = next(s for s in found.of_kind("outlier") if judged.groups[s.rows[0]] == "o7")
    assert len(outlier.rows) == 3
    page = Page("test")
    add_suspects_section(page, found, found.figures(), 300)
    html = page.html()
    assert f"{outlier.outlier_ratio:.1f} times as far as usual" in html
    ratios = [s.outlier_ratio for s in found.ranked if s.kinds == ("outlier",)]
    assert len(ratios) >= 2
    assert ratios == sorted(ratios, reverse=True)
    sizes = [len(s.rows) for kind in ("label", "outlier") for s in found.of_kind(kind)]
    assert html.count("3 photographs of one object") == 3 * sizes.count(3)
    shown = {i for kind in ("label", "outlier") for s in found.of_kind(kind) for i in s.rows}
    assert html.count("data:image/webp") >= len(shown)


def test_out_of_fold_rows_are_not_counted_twice(whole_model_dir, manifest, tmp_path):
    report = evaluate_model(whole_model_dir, tmp_path / "out", QUICK)
    found = json.loads((report.parent / "metrics.json").read_text("utf-8"))["suspects"]
    assert found["images"] == len(manifest)
    assert found["outlier"] is None
