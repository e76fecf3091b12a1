"""The page that shows what was found; every number on it stands in ``metrics.json`` or ``timings.json``."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from ai_models.core.counts import photographs_of
from ai_models.core.predictions import OodVerdict
from ai_models.core.settings import EvaluationConfig
from ai_models.evaluation import gallery
from ai_models.evaluation.figures import interval
from ai_models.evaluation.foreign_shortcuts import add_foreign_shortcuts
from ai_models.evaluation.leak_section import add_leak_section
from ai_models.evaluation.suspects_section import add_suspects_section
from ai_models.metrics import Interval, reliability
from ai_models.reporting.charts import HALF, histogram, interval_bars, interval_plot
from ai_models.reporting.classifier_charts import confusion_matrix_chart, reliability_diagram, roc_curves
from ai_models.reporting.page import Cell, Page

if TYPE_CHECKING:
    from ai_models.evaluation.evaluate import Evaluation

__all__ = ["write_report"]

_TONES = {"supported": "good", "not supported": "bad", "n too small to say": "open"}
_LISTED = 50  # left-out files named in the page; all are in metrics.json


def write_report(found: Evaluation, path: Path, config: EvaluationConfig) -> Path:
    """Write ``report.html``.

    Parameters
    ----------
    found
        What was found.
    path
        Where to write.
    config
        Gallery size; quick mode shows no gallery.
    """
    scored = found.metrics["scored"]
    page = Page(
        "How far this model can be trusted",
        f"{photographs_of(scored['images'], scored['groups'], 'image')} in {len(scored['classes'])} classes · "
        f"{found.metrics['source']['text']}",
    )
    _summary(page, found.metrics)
    _claims(page, found.metrics)
    _classes(page, found.metrics)
    _calibration(page, found)
    _verdicts(page, found.metrics)
    _foreign(page, found)
    add_foreign_shortcuts(page, found.metrics)
    _gap(page, found.metrics)
    add_leak_section(page, found.metrics)
    _importance(page, found.metrics)
    if not config.quick and config.gallery_size:
        _galleries(page, found, config.gallery_size)
    pictures = 0 if config.quick else config.gallery_size
    add_suspects_section(page, found.suspects, found.metrics["suspects"], pictures)
    _speed(page, found.timings)
    _left_out(page, found.metrics)
    _model(page, found.metrics)
    return page.save(path)


def _summary(page: Page, metrics: dict[str, Any]) -> None:
    scored = metrics["scored"]
    names = (
        ("Balanced accuracy", "balanced_accuracy"),
        ("Accuracy", "accuracy"),
        ("Macro F1", "f1_macro"),
        ("Weighted F1", "f1_weighted"),
        ("Among the top 3", "top3_accuracy"),
        ("Log loss (NLL), nats", "nll"),
        ("Brier score, 0 to 2", "brier"),
    )
    tiles = [(label, *_split(interval(scored[name]))) for label, name in names]
    tiles.insert(0, ("Images / objects", f"{scored['images']} / {scored['groups']}", "objects are what counts as n"))
    tiles += [
        (f"AUROC against '{name}'", *_split(interval(figures["auroc"]))) for name, figures in metrics["ood"].items()
    ]
    page.section(
        "Summary",
        page.tiles(tiles),
        *metrics["source"]["notes"],
        note=f"Below each figure is its {metrics['level']:.0%} interval. Photographs of one object count together: "
        f"intervals come from {metrics['bootstrap_draws']} redraws of whole objects.",
    )


def _claims(page: Page, metrics: dict[str, Any]) -> None:
    rows = [[c["statement"], Cell(c["standing"], _TONES[c["standing"]]), c["evidence"]] for c in metrics["claims"]]  # type: ignore[arg-type]
    page.section(
        "What can be claimed",
        page.table(["claim", "these photographs say", "evidence"], rows),
        note="A claim is supported where the whole interval lies on its side, not supported where the whole "
        "interval lies on the other; in between, there are too few photographs to say.",
    )


def _classes(page: Page, metrics: dict[str, Any]) -> None:
    by_class = metrics["scored"]["classes"]
    names = list(by_class)
    series = {
        label: [interval(by_class[name][key]) for name in names]
        for label, key in (("precision", "precision"), ("recall", "recall"), ("F1", "f1"))
    }
    rows = [
        [name, by_class[name]["images"], by_class[name]["groups"], *(_words(values[i]) for values in series.values())]
        for i, name in enumerate(names)
    ]
    table = metrics["scored"]["confusion_matrix"]
    page.section(
        "Class by class",
        page.figure(interval_plot(names, series, x_label="share"), "Dots are estimates, lines their 95% intervals."),
        page.table(["class", "images", "objects", "precision", "recall", "F1"], rows),
        page.figure(
            confusion_matrix_chart(np.array(table["images"], dtype=np.int64), table["classes"]),
            "Rows are true classes. Colour and percentage: share of the row; small figure: images.",
        ),
    )


def _calibration(page: Page, found: Evaluation) -> None:
    scored = found.metrics["scored"]
    p, y = found.scored.predictions.probabilities, found.scored.y
    floor, parts = scored["ece_floor"], scored["brier_top_label"]
    right = p.argmax(axis=1) == y
    tiles = [
        ("Expected calibration error", *_split(interval(scored["ece"]))),
        (
            "A calibrated model would show",
            f"{floor['mean']:.3f}",
            f"below {floor['q95']:.3f} in 95% of samples of this size",
        ),
        ("Brier: miscalibration", f"{parts['reliability']:.3f}", "part of the top-label score, lower is better"),
        ("Brier: resolution", f"{parts['resolution']:.3f}", f"out of an uncertainty of {parts['uncertainty']:.3f}"),
    ]
    page.section(
        "Can the confidence be believed?",
        page.tiles(tiles),
        page.pair(
            page.figure(
                reliability_diagram(reliability(y, p, floor["bins"])),
                "Dots inside the grey band show no fault: with so few images a bin, a calibrated model falls there.",
            ),
            page.figure(
                histogram(
                    {"right": p.max(axis=1)[right], "wrong": p.max(axis=1)[~right]},
                    bins=20, x_label="confidence", width=HALF, height=4.7,
                ),
                "Confidence of right and of wrong predictions.",
            ),
        ),
        note="The calibration error of few images is above zero even for a perfect model; read it beside its floor.",
    )  # fmt: skip


def _verdicts(page: Page, metrics: dict[str, Any]) -> None:
    scored, alarms = metrics["scored"], metrics["false_alarms"]
    promised = metrics["model"]["coverage"]
    tiles = [
        ("Sets that hold the true class", *_split(interval(scored["set_coverage"]))),
        (
            "Classes in a set, on average",
            *_split(
                interval(scored["set_size"]),
            ),
        ),
        *((f"Called {name.replace('_', ' ')}", *_split(interval(value))) for name, value in scored["verdicts"].items()),
    ]
    stated = (
        ""
        if alarms["stated"] is None
        else f"Of known images at most {alarms['stated']:.0%} should be called foreign (stated); "
        f"measured: {_words(interval(alarms['measured']))}. "
    )
    sets = "" if promised is None else f"Prediction sets are made to hold the true class {promised:.0%} of the time."
    page.section("Prediction sets and verdicts", page.tiles(tiles), stated + sets)


def _foreign(page: Page, found: Evaluation) -> None:
    if not found.foreign:
        page.section("Unknown objects", "No folder of foreign images was given: add --ood-dir to measure this.")
        return
    figures = found.metrics["ood"]
    inside = found.scored.predictions.ood_scores
    outside = {one.name: one.predictions.ood_scores for one in found.foreign}
    labels = {name: f"{name}, AUROC {figures[name]['auroc']['estimate']:.3f}" for name in outside}
    rows = [
        [
            name,
            f["images"],
            f["groups"],
            *(_words(interval(f[key])) for key in ("auroc", "fpr_at_tpr95", "called_ood", "called_in_domain")),
        ]
        for name, f in figures.items()
    ]
    page.section(
        "Unknown objects",
        page.pair(
            page.figure(roc_curves(inside, outside, labels=labels, alpha=found.metrics["false_alarms"]["stated"])),
            page.figure(
                histogram(
                    {"known": inside, **outside},
                    share=True,
                    x_label="outlier score, higher = more unusual",
                    width=HALF,
                    height=4.2,
                )
            ),
        ),
        page.table(
            ["folder", "images", "distinct", "AUROC", "FPR at 95% TPR", "called ood", "called known"],
            rows,
        ),
        note="Scores of known photographs against those of things the model was never shown.",
    )


def _gap(page: Page, metrics: dict[str, Any]) -> None:
    if "gap" not in metrics:
        return
    reference, scored = metrics["training_out_of_fold"], metrics["scored"]
    trained_on = photographs_of(reference["images"], reference["groups"], "training photograph")
    names = {"balanced_accuracy": "balanced accuracy", "accuracy": "accuracy", "f1_macro": "macro F1", "nll": "NLL"}
    rows = [
        [label, _words(interval(reference[key])), _words(interval(scored[key])), _words(interval(metrics["gap"][key]))]
        for key, label in names.items()
    ]
    page.section(
        "Training against new objects",
        page.table(["figure", "training, out of fold", "here", "difference"], rows),
        note=f"Out-of-fold figures of {trained_on} beside those above. A difference whose interval holds 0 is no sign "
        "of overfitting.",
    )


def _importance(page: Page, metrics: dict[str, Any]) -> None:
    if "importance" not in metrics:
        page.section(
            "What the model goes by",
            "Importance needs photographs that the model has not seen; here there are only out-of-fold predictions.",
        )
        return
    parts: list[str] = [
        _bars(page, metrics["importance"]["blocks"], "block", "All columns of a block shuffled together.")
    ]
    if metrics["importance"].get("features"):
        text = "The single features that matter most. Features that say the same share their importance."
        parts.append(_bars(page, metrics["importance"]["features"], "feature", text))
    page.section(
        "What the model goes by",
        *parts,
        note="How much the log loss grows when a part of the features is shuffled among the images; lines are 95% "
        "intervals over objects. A part that others can stand in for looks unimportant.",
    )


def _bars(page: Page, rows: list[dict[str, Any]], key: str, caption: str) -> Markup:
    return page.figure(
        interval_bars(
            [r[key] for r in rows], [interval(r["nll_increase"]) for r in rows], x_label="increase of the log loss"
        ),
        caption,
    )


def _galleries(page: Page, found: Evaluation, most: int) -> None:
    wrong = gallery.errors(found.scored, most)
    missed = found.scored.predictions.probabilities.argmax(axis=1) != found.scored.y
    groups = found.scored.manifest.groups[missed]
    total = photographs_of(int(missed.sum()), len(set(groups.tolist())), "wrong prediction")
    page.section(
        "Errors",
        page.gallery(wrong) if wrong else "Every photograph was classified rightly.",
        note=f"{total}; {len(wrong)} shown, the surest first: true class, predicted class, probabilities."
        if wrong
        else "",
    )
    half = max(1, most // 2)
    parts: list[str] = []
    for verdict, title in (
        (OodVerdict.UNSURE, "Right, but called unsure"),
        (OodVerdict.OOD, "Right, but called foreign"),
    ):
        items = gallery.doubted(found.scored, verdict, half)
        parts += [page.heading(title), page.gallery(items)] if items else []
    for one in found.foreign:
        items = gallery.slipped_through(one, half)
        parts += [page.heading(f"From '{one.name}', taken for known"), page.gallery(items)] if items else []
    page.section("Doubts", *(parts or ["No photograph was doubted, and no foreign image slipped through."]))


def _speed(page: Page, timings: dict[str, Any]) -> None:
    if not timings:
        page.section("Speed", "Not measured: the photographs are not where they were.")
        return
    names = {
        "read": "read and decode",
        "features": "features, reading included",
        "vote": "vote and verdict",
        "whole": "whole image",
    }
    rows = [
        [text, *(f"{timings['seconds'][stage][key] * 1000:.1f} ms" for key in ("median", "p95", "most"))]
        for stage, text in names.items()
    ]
    machine = timings["machine"]
    page.section(
        "Speed",
        page.table(["stage", "median", "95% of images below", "slowest"], rows),
        note=f"{timings['images']} images one at a time, nothing cached, on {machine['cores']} cores "
        f"({machine['processor']}). Promised: 95% of images below 2 s without a GPU.",
    )


def _left_out(page: Page, metrics: dict[str, Any]) -> None:
    left = metrics["left_out"]
    if not left:
        page.section("Not scored", "Every photograph was scored.")
        return
    counts = Counter(item["kind"] for item in left)
    rows = [[item["path"], item["kind"], item["detail"]] for item in left[:_LISTED]]
    page.section(
        "Not scored",
        page.table(["file", "why", "detail"], rows),
        note=", ".join(f"{n} {kind}" for kind, n in counts.most_common())
        + ("" if len(left) <= _LISTED else f"; the first {_LISTED} are shown, all are in metrics.json"),
    )


def _model(page: Page, metrics: dict[str, Any]) -> None:
    model = metrics["model"]
    facts = [
        ["amulet-ai", model["amulet_ai"]],
        ["Python", model["python"]],
        *([name, version] for name, version in model["libraries"].items()),
        ["size of model.joblib", f"{model['megabytes']:.1f} MB"],
        ["seed of training", model["seed"]],
        ["seed of this evaluation", metrics["seed"]],
        ["digest of the model", model["model_digest"]],
        ["digest of the features", model["feature_digest"]],
    ]
    parts: list[str] = []
    if model["training_counts"]:
        rows = [[name, *counts] for name, counts in sorted(model["training_counts"].items())]
        parts = [page.heading("Training photographs"), page.table(["class", "images", "objects"], rows)]
    page.section("The model", page.table(["fact", "value"], facts), *parts)


def _split(value: Interval) -> tuple[str, str]:
    if math.isnan(value.estimate):
        return "–", "not measured"
    ends = "no interval" if math.isnan(value.low) else f"{value.low:.3f} to {value.high:.3f}"
    return f"{value.estimate:.3f}", ends


def _words(value: Interval) -> str:
    estimate, ends = _split(value)
    return "–" if estimate == "–" else f"{estimate} [{ends.replace(' to ', ', ')}]"
