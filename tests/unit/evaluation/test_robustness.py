"""Corrupted photographs through the whole model: what is measured, on what, and what is refused."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from ai_models.artifacts import load_model
from ai_models.core.images import read_image
from ai_models.core.settings import EvaluationConfig
from ai_models.corruptions import CORRUPTIONS, SEVERITIES, corrupted
from ai_models.evaluation import evaluate_model
from ai_models.evaluation.altered import judge_changed, paired_changes, seen_size
from ai_models.evaluation.robustness_section import robustness_sentence

QUICK = EvaluationConfig(quick=True, bootstrap_draws=100, robustness=True, workers=1)


@pytest.fixture(scope="module")
def judged(model_dir, strange_dir, tmp_path_factory):
    """Figures of an evaluation with corruptions, and its page."""
    report = evaluate_model(model_dir, tmp_path_factory.mktemp("robust") / "r", QUICK, ood_dirs=[strange_dir])
    return json.loads((report.parent / "metrics.json").read_text("utf-8")), report.read_text("utf-8")


def test_every_corruption_is_scored_at_every_strength_on_the_scored_photographs_alone(judged):
    metrics, _ = judged
    found = metrics["robustness"]
    assert found["measured"] is True
    assert list(found["corruptions"]) == sorted(CORRUPTIONS)
    for name, c in found["corruptions"].items():
        assert c["strengths"] == list(CORRUPTIONS[name].strengths)
        assert [p["images"] for p in c["severities"]] == [metrics["scored"]["images"]] * len(SEVERITIES)
        assert all(list(p["auroc"]) == list(metrics["ood"]) for p in c["severities"])


def test_the_clean_condition_is_the_evaluation_itself(judged):
    metrics, _ = judged
    clean = metrics["robustness"]["clean"]
    for name in ("accuracy", "nll", "ece", "set_coverage"):
        assert clean[name]["estimate"] == pytest.approx(metrics["scored"][name]["estimate"], abs=1e-6)
    (name,) = clean["auroc"]
    assert clean["auroc"][name]["estimate"] == metrics["ood"][name]["auroc"]["estimate"]


def test_a_corruption_of_colour_costs_a_model_that_goes_by_colour(judged):
    metrics, page = judged
    dark = metrics["robustness"]["corruptions"]["brightness"]["severities"][-1]
    assert dark["change"]["accuracy"]["estimate"] < 0
    assert dark["nll"]["estimate"] > metrics["robustness"]["clean"]["nll"]["estimate"]
    turned = metrics["robustness"]["corruptions"]["rotation"]["severities"][0]
    assert abs(turned["change"]["accuracy"]["estimate"]) < 0.2
    assert "When photographs go bad" in page
    assert page.count("under six corruptions") == 6  # a chart a figure


def test_the_figures_are_those_of_photographs_corrupted_one_by_one(model_dir, judged):
    metrics, _ = judged
    model = load_model(model_dir)
    from ai_models.evaluation.rows import choose_rows

    rows = choose_rows(model_dir, model.classes).manifest
    side = model.extractor.config.image_size
    images = []
    for file in rows.files:
        image = seen_size(read_image(file), side)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        images.append(corrupted(image, "blur", 4, seed=0, sha256=digest))
    right = model.predict(images) == rows.labels
    assert metrics["robustness"]["corruptions"]["blur"]["severities"][3]["accuracy"]["estimate"] == right.mean()


def test_a_model_without_held_out_photographs_is_not_flattered(whole_model_dir, tmp_path):
    report = evaluate_model(whole_model_dir, tmp_path / "r", QUICK)
    found = json.loads((report.parent / "metrics.json").read_text("utf-8"))["robustness"]
    assert found["measured"] is False
    assert "fitted on every photograph" in found["why"]
    assert set(found) == {"measured", "why"}
    assert found["why"] in report.read_text("utf-8")


def test_nothing_is_measured_unasked(model_dir, tmp_path):
    report = evaluate_model(model_dir, tmp_path / "r", QUICK.replace(robustness=False))
    assert "robustness" not in json.loads((report.parent / "metrics.json").read_text("utf-8"))
    assert "add --robustness" in report.read_text("utf-8")


def test_versions_are_judged_alike_for_any_number_of_workers_and_absent_ones_are_left_out(model_dir, photographs):
    model = load_model(model_dir)
    files = sorted(photographs.rglob("*.png"))[:11]
    dark = lambda image, _: image // 2  # noqa: E731
    odd = lambda image, sha256: None if int(sha256, 16) % 2 else image  # noqa: E731
    one, three = (judge_changed(model, files, {"dark": dark, "odd": odd}, workers=w, label="x") for w in (1, 3))
    assert np.array_equal(one["dark"].predictions.probabilities, three["dark"].predictions.probabilities)
    even = [i for i, f in enumerate(files) if int(hashlib.sha256(f.read_bytes()).hexdigest(), 16) % 2 == 0]
    assert one["odd"].places.tolist() == even
    assert 0 < len(even) < 11
    alone = model.predict_batch([seen_size(read_image(files[even[0]]), 32)])
    assert one["odd"].predictions.probabilities[0] == pytest.approx(alone.probabilities[0], abs=1e-6)


def test_a_change_is_paired_and_counts_objects():
    from ai_models.core.predictions import OodVerdict, Predictions

    def said(rights):
        p = np.array([[0.9, 0.1] if r else [0.1, 0.9] for r in rights])
        n = len(rights)
        return Predictions(("a", "b"), p, p > 0.5, np.zeros(n), np.ones(n), (OodVerdict.IN_DOMAIN,) * n)

    y = np.zeros(8, dtype=np.int64)
    before, after = said([1] * 8), said([1, 1, 1, 1, 1, 1, 0, 0])
    alone = paired_changes(y, before, after, np.arange(8).astype(str))["accuracy"]
    joined = paired_changes(y, before, after, np.array(list("aabbccdd")))["accuracy"]
    assert alone["estimate"] == joined["estimate"] == -0.25
    assert joined["low"] < alone["low"] < -0.25
    # mean -1/4, cluster-robust SE sqrt(4/3 * 3) / 8 = 1/4 with sums (.5, .5, .5, -1.5) over 4 objects, t(3) = 3.182
    assert joined["low"] == pytest.approx(-0.25 - 3.1824 * 0.25, abs=1e-3)


def test_the_sentence_names_what_costs_accuracy_beyond_doubt_and_what_does_not(judged):
    metrics, _ = judged
    found = json.loads(json.dumps(metrics["robustness"]))
    for name, c in found["corruptions"].items():
        for i, p in enumerate(c["severities"]):
            lost = name == "blur" and i >= 2
            p["change"]["accuracy"] = {"estimate": -0.3 if lost else 0.0, "low": -0.4, "high": -0.2 if lost else 0.1}
    text = robustness_sentence(found)
    assert text.startswith("Accuracy is lost under blur from 1.3 on (blur, sigma in % of the short side): -0.300")
    assert "no sure loss under brightness, jpeg, noise, occlusion, rotation" in text


def test_a_large_photograph_is_reduced_first_and_keeps_its_aspect():
    large = np.zeros((300, 600, 3), dtype=np.uint8)
    assert seen_size(large, 100).shape == (100, 200, 3)
    assert seen_size(large, 400) is large
