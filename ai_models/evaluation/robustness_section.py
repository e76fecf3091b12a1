"""The section of the report that shows how the model holds up when photographs go bad."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

from ai_models.core.counts import photographs_of
from ai_models.evaluation.figures import interval
from ai_models.metrics import Interval
from ai_models.reporting.curves import Panel, small_multiples
from ai_models.reporting.page import Page

__all__ = ["add_robustness_section", "robustness_sentence"]

_FIGURES = {
    "balanced_accuracy": ("Balanced accuracy", (0.0, 1.0)),
    "nll": ("Log loss (NLL), nats", None),
    "ece": ("Expected calibration error; dashed: what a calibrated model would show", None),
    "set_coverage": ("Prediction sets that hold the true class; dashed: promised", (0.0, 1.0)),
    "called_ood": ("Share called foreign", (0.0, 1.0)),
}


def add_robustness_section(page: Page, metrics: dict[str, Any]) -> None:
    """Add the curves; where they were not asked for, how to ask."""
    found = metrics.get("robustness")
    if found is None:
        page.section("When photographs go bad", "Not measured: add --robustness.")
        return
    if not found["measured"]:
        page.section("When photographs go bad", found["why"])
        return
    clean = found["clean"]
    charts = [
        page.figure(_chart(found, name, limits, metrics["model"]["coverage"]), title)
        for name, (title, limits) in _FIGURES.items()
    ]
    charts += [page.figure(_auroc_chart(found, name), f"AUROC against '{name}'") for name in clean["auroc"]]
    page.section(
        "When photographs go bad",
        robustness_sentence(found),
        *charts,
        page.table(_header(clean), _rows(found)),
        note=f"{photographs_of(clean['images'], clean['groups'], 'image')}, each changed in six ways at five "
        "strengths and judged by the whole model. Bands are 95% intervals over objects; changes are paired by "
        "photograph. Foreign images stay as they are.",
    )


def robustness_sentence(found: dict[str, Any]) -> str:
    """Say from which strength on each corruption costs accuracy (every interval below 0), or that none does."""
    costs, holds = [], []
    for name, c in found["corruptions"].items():
        drops = [interval(point["change"]["accuracy"]) for point in c["severities"]]
        sure = len(drops)
        while sure and drops[sure - 1].high < 0:
            sure -= 1
        if sure == len(drops):
            holds.append(name)
        else:
            costs.append(f"{name} from {c['strengths'][sure]:g} on ({c['unit']}): {_signed(drops[sure])}")
    parts = [f"Accuracy is lost under {'; '.join(costs)}."] if costs else []
    if holds:
        parts.append(f"Within the strengths tried, these photographs show no sure loss under {', '.join(holds)}.")
    return " ".join(parts)


def _chart(found: dict[str, Any], figure: str, limits: tuple[float, float] | None, coverage: float | None) -> Markup:
    def reference(points: list[dict[str, Any]]) -> list[float]:
        if figure == "ece":
            return [p["ece_floor"]["mean"] for p in points]
        return [coverage] * len(points) if figure == "set_coverage" and coverage is not None else []

    panels = [_panel(name, c, [p[figure] for p in points], reference(points)) for name, c, points in _curves(found)]
    return small_multiples(panels, limits=limits, description=f"{_FIGURES[figure][0]} under six corruptions")


def _auroc_chart(found: dict[str, Any], foreign: str) -> Markup:
    panels = [_panel(name, c, [p["auroc"][foreign] for p in points], []) for name, c, points in _curves(found)]
    return small_multiples(panels, description=f"AUROC against {foreign} under six corruptions")


def _curves(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], list[dict[str, Any]]]]:
    """Yield name, corruption and points of each curve, the photographs as they are first."""
    for name, c in found["corruptions"].items():
        yield name, c, [found["clean"], *c["severities"]]


def _panel(name: str, c: dict[str, Any], points: list[dict[str, Any]], reference: list[float]) -> Panel:
    ticks = ["as is", *(f"{s:g}" for s in c["strengths"])]
    return Panel(name, c["unit"], ticks, [interval(p) for p in points], reference)


def _rows(found: dict[str, Any]) -> list[list[object]]:
    rows = [["as they are", "–", *_cells(found["clean"])]]
    for name, c in found["corruptions"].items():
        for strength, point in zip(c["strengths"], c["severities"], strict=True):
            change = _signed(interval(point["change"]["accuracy"]))
            rows.append([f"{name} {strength:g}", change, *_cells(point)])
    return [list(row) for row in rows]


def _header(clean: dict[str, Any]) -> list[str]:
    fixed = ["condition", "accuracy, change", "balanced accuracy", "NLL", "ECE (floor)", "set coverage", "called ood"]
    return [*fixed, *(f"AUROC, {name}" for name in clean["auroc"])]


def _cells(point: dict[str, Any]) -> list[str]:
    ece = f"{point['ece']['estimate']:.3f} ({point['ece_floor']['mean']:.3f})"
    words = {name: _words(interval(point[name])) for name in ("balanced_accuracy", "nll", "set_coverage", "called_ood")}
    auroc = [_words(interval(value)) for value in point["auroc"].values()]
    return [words["balanced_accuracy"], words["nll"], ece, words["set_coverage"], words["called_ood"], *auroc]


def _words(value: Interval) -> str:
    return f"{value.estimate:.3f} [{value.low:.3f}, {value.high:.3f}]"


def _signed(value: Interval) -> str:
    return f"{value.estimate:+.3f} [{value.low:+.3f}, {value.high:+.3f}]"
