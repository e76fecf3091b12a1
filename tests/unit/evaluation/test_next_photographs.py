"""A class with half of its kind missing comes first; where there is no signal that is said; what is written."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from ai_models.core.records import ImageRecord
from ai_models.core.settings import EvaluationConfig
from ai_models.evaluation import evaluate_model, next_photographs
from ai_models.evaluation.next_photographs import advise
from ai_models.evaluation.next_photographs_section import add_next_photographs_section
from ai_models.evaluation.next_photographs_text import curve_sentence, first_line, order_sentence, thin_sentence, why
from ai_models.evaluation.plain_features import PlainFeatures
from ai_models.evaluation.suspects import Judged
from ai_models.folds import GroupedStratifiedKFold
from ai_models.reporting.page import Page

CONFIG = EvaluationConfig(workers=1)
CLASSES = ("amber", "bone", "clay", "พระรอด")


def judged_photographs(
    backs: dict[str, int], *, signal: float, weak: float = 0.7, seed: int = 0
) -> tuple[Judged, np.ndarray]:
    """Return 10 fronts a class, and backs (10 where not told), which are more alike among the classes."""
    rng = np.random.default_rng(seed)
    records, looks, y = [], [], []
    for c, label in enumerate(CLASSES):
        for i in range(10 + backs.get(label, 10)):
            back = i >= 10
            middle = np.zeros(40)
            middle[c + (10 if back else 0)] = signal * (weak if back else 1.0)
            middle[20] = signal if back else 0.0
            looks.append(middle + rng.standard_normal(40) * 0.5)
            records.append(ImageRecord(f"{label}/{'back' if back else 'front'}-{i}.jpg", label, group=f"{label}{i}"))
            y.append(c)
    X = np.array(looks, dtype=np.float32)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    groups = np.array([r.group for r in records])
    p = cross_val_predict(
        LogisticRegression(C=100), X, y, groups=groups, cv=GroupedStratifiedKFold(5), method="predict_proba"
    )
    files = tuple(Path(r.path) for r in records)
    judged = Judged(tuple(records), files, np.array(y), p, groups, ("out_of_fold",) * len(y), CLASSES)
    return judged, X


def advice(monkeypatch, judged: Judged, X: np.ndarray):
    whole = PlainFeatures(X, np.arange(len(X)), ("cnn",))
    monkeypatch.setattr(next_photographs, "plain_features", lambda *_, **__: whole)
    return advise(judged, None, CONFIG)


@pytest.mark.parametrize("seed", [0, 2])
def test_a_class_with_most_of_its_backs_missing_is_named_first(monkeypatch, seed):
    judged, X = judged_photographs(dict.fromkeys(CLASSES, 30) | {"พระรอด": 8}, signal=2.5, weak=0.6, seed=seed)
    found = advice(monkeypatch, judged, X)
    top, second = found.figures()["classes"][:2]
    assert top["class"] == "พระรอด"
    assert top["purpose"] == "learn"
    assert top["how_many"]["low"] <= top["how_many"]["estimate"] <= top["how_many"]["high"]
    assert top["worth_of_ten"]["estimate"] > 1.3 * second["worth_of_ten"]["estimate"]
    assert "more objects of พระรอด" in first_line(found.figures())


def test_backs_that_go_wrong_in_every_class_are_asked_for(monkeypatch):
    judged, X = judged_photographs({}, signal=3.0, weak=0.4)
    found = advice(monkeypatch, judged, X)
    assert found.sub_kinds[0].name == "back"
    top = found.figures()["classes"][0]
    assert top["kind"]["name"] == "back"
    assert "(back)" in first_line(found.figures())
    plain = advice(monkeypatch, judged_without_names(judged), X).figures()
    same = next(f for f in plain["classes"] if f["class"] == top["class"])
    assert top["how_many"]["estimate"] < same["how_many"]["estimate"]  # only the share of the errors that are backs
    assert plain["kinds_looked_at"] == 0


def judged_without_names(judged: Judged) -> Judged:
    from dataclasses import replace

    records = tuple(replace(r, path=f"{r.label}/{i}.jpg") for i, r in enumerate(judged.records))
    return replace(judged, records=records)


def test_classes_that_are_alike_are_not_ranked_with_confidence(monkeypatch):
    """Four classes drawn in one way: which is first is chance, and is said to be."""
    judged, X = judged_photographs({}, signal=1.6, seed=4)
    figures = advice(monkeypatch, judged, X).figures()
    assert figures["classes"][0]["chance_of_first"] < 0.75
    unsure = json.loads(json.dumps(figures))
    unsure["classes"][0]["chance_of_first"] = 0.3
    assert "n too small to say" in order_sentence(unsure)
    assert "n too small to be sure" in first_line(unsure)
    assert sum(f["chance_of_first"] for f in figures["classes"]) == pytest.approx(1)


def test_where_nothing_is_wrong_no_more_are_asked_for_than_tell_so(monkeypatch):
    judged, X = judged_photographs(dict.fromkeys(CLASSES, 0), signal=20.0)
    figures = advice(monkeypatch, judged, X).figures()
    assert {f["purpose"] for f in figures["classes"]} == {"measure"}
    assert "would not help measurably" in first_line(figures)
    assert "would not help measurably" in curve_sentence(figures)
    assert figures["classes"][0]["how_many"]["estimate"] == 30  # 36 of 36 right: above .025^(1/36) = .903; 10 are there
    assert "tell its recall" in why(figures["classes"][0])
    assert "No class would gain" in order_sentence(figures)


def test_the_measured_figures_are_those_of_the_photographs(monkeypatch):
    judged, X = judged_photographs({}, signal=2.0)
    figures = advice(monkeypatch, judged, X).figures()
    assert (figures["images"], figures["groups"]) == (80, 80)
    wrong = judged.p.argmax(1) != judged.y
    for f in figures["classes"]:
        own = judged.y == CLASSES.index(f["class"])
        assert f["recall"]["estimate"] == pytest.approx(1 - wrong[own].mean())
        assert sum(pair["groups"] for pair in f["taken_for"]) == wrong[own].sum()
        assert all(pair["class"] != f["class"] for pair in f["taken_for"])
    assert figures["curve"]["fitted"][-1]["groups"] == pytest.approx(2 * figures["curve"]["measured"][-1]["groups"])
    assert figures["curve"]["measured"][-1]["groups"] == pytest.approx(64)


def test_photographs_that_are_gone_leave_the_curve_out_and_say_so(monkeypatch, model_dir, tmp_path):
    from dataclasses import replace

    from ai_models.artifacts import load_model

    judged, _ = judged_photographs({"bone": 3}, signal=2.2)
    gone = replace(judged, files=tuple(tmp_path / f.name for f in judged.files))
    found = advise(gone, load_model(model_dir), CONFIG)
    figures = found.figures()
    assert figures["curve"] is figures["thin"] is None
    assert "cannot be told: 73 of 73 photographs are not where they were" in curve_sentence(figures)
    assert thin_sentence(figures) == "Not measured: 73 of 73 photographs are not where they were."
    assert len(figures["classes"]) == 4
    page = Page("test")
    add_next_photographs_section(page, found, figures, 5)
    assert "73 of 73 photographs are not where they were" in page.html()


def test_errors_in_thin_regions_are_told_from_errors_anywhere(monkeypatch):
    judged, X = judged_photographs(dict.fromkeys(CLASSES, 3), signal=2.5, seed=1)
    figures = advice(monkeypatch, judged, X).figures()
    assert figures["thin"]["p"] < 0.05
    assert "errors gather where photographs are few" in thin_sentence(figures)
    assert sum(f["thin_groups"] for f in figures["classes"]) == figures["thin"]["groups"]


def test_the_table_and_the_page_say_the_same(monkeypatch):
    judged, X = judged_photographs({"clay": 4}, signal=2.2)
    found = advice(monkeypatch, judged, X)
    figures = found.figures()
    rows = list(csv.DictReader(io.StringIO(found.to_csv().decode("utf-8"))))
    assert [r["class"] for r in rows] == [f["class"] for f in figures["classes"]]
    assert [int(r["how_many"]) for r in rows] == [f["how_many"]["estimate"] for f in figures["classes"]]
    assert all(r["why"] and "Recall " in r["evidence"] for r in rows)
    page = Page("test")
    add_next_photographs_section(page, found, figures, 5)
    html = page.html()
    assert "What to photograph next" in html
    assert "times as far as usual" in html
    assert "With twice the objects of every class" in html


def test_it_is_written_unless_told_not_to(model_dir, tmp_path):
    from ai_models.cli.headline import headline

    plain = EvaluationConfig(bootstrap_draws=100, workers=1)
    folder = evaluate_model(model_dir, tmp_path / "plain", plain).parent
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    found = metrics["next_photographs"]
    assert (found["images"], found["groups"]) == (42, 39)
    assert found["curve"]["groups"] == 39
    with (folder / "next_photographs.csv").open(encoding="utf-8", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 3
    assert f"photograph next    {first_line(found)}" in headline(metrics)
    for name, config in {"off": plain.replace(next_photographs=False), "quick": plain.replace(quick=True)}.items():
        folder = evaluate_model(model_dir, tmp_path / name, config).parent
        assert "next_photographs" not in json.loads((folder / "metrics.json").read_text("utf-8"))
        assert not (folder / "next_photographs.csv").exists()
        assert "leave out --quick and --no-next-photographs" in (folder / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("missed", "doubled", "recall", "objects", "expected"),
    [
        (3, 0.05, 0.9, 30, ("learn", (18, 18, 18))),
        (0, 0.05, 1.0, 10, ("measure", (30, 30, 30))),  # nothing wrong yet is no reason to expect better
        (3, 0.001, 1.0, 10, ("measure", (30, 30, 30))),
        (0, 0.05, 1.0, 40, ("", (0, 0, 0))),
    ],
)
def test_what_for_and_how_many(missed, doubled, recall, objects, expected):
    from ai_models.evaluation.class_advice import Fall, _number
    from ai_models.metrics import Interval

    draws = np.full(10, 1.0)
    fall = Fall(missed, 0.01 * draws, doubled * draws, 18 * draws)
    assert _number(fall, Interval(recall, 0, 1), objects, None) == expected
