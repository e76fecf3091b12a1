"""The section of the report on what prediction sets promise and keep, class by class."""

from __future__ import annotations

from typing import Any

from ai_models.core.counts import plural
from ai_models.evaluation.figures import interval
from ai_models.metrics import Interval
from ai_models.reporting.charts import interval_plot
from ai_models.reporting.page import Page

__all__ = ["add_sets_section"]

_SCORES = {
    "lac": "one minus the probability of the class (LAC: the smallest sets)",
    "aps": "the probability of the likelier classes (APS: sets that grow with difficulty)",
}
_KINDS = {"pooled": "pooled", "by_class": "by class"}


def add_sets_section(page: Page, metrics: dict[str, Any]) -> None:
    """Add promised and measured coverage of each class, and which classes fall back to the pooled promise."""
    promised, found = metrics["prediction_sets"]["promised"], metrics["prediction_sets"]["measured"]
    names = [name for name, own in found["classes"].items() if own]
    series = {label: [interval(found["classes"][n][k]["coverage"]) for n in names] for k, label in _KINDS.items()}
    rows = [_row("all photographs", promised["pooled"], found["all"])]
    rows += [_row(name, promised["classes"][name], found["classes"][name]) for name in found["classes"]]
    header = [
        "true class",
        "trained on",
        "reference",
        "to expect",
        "scored",
        "pooled",
        "classes",
        "by class",
        "classes",
    ]
    page.section(
        "Prediction sets, class by class",
        f"Share of photographs whose set holds the true class; the sets are made for {promised['coverage']:.0%}. The "
        "pooled set promises it over all photographs, and a hard class may have less; the set by class promises it "
        "within each class.",
        page.figure(
            interval_plot(names, series, x_label="sets that hold the true class",
                          reference={"made for": promised["coverage"]}),
            "Dots are estimates, lines their exact 95% intervals.",
        ),
        page.table(header, rows),
        *_fallback(promised),
        note=f"A class is judged by {_SCORES[promised['method']]}. 'Trained on' and 'scored' count objects; 'classes' "
        "is the mean size of a set. 'To expect' is the share that holds the true class as far as so few objects tell, "
        "the middle 95% of the Beta distribution of the coverage for one photograph an object. It is approximate, as "
        "the sets are cross-conformal: the scores come from models fitted without the object's fold.",
    )  # fmt: skip


def _row(name: str, promise: dict[str, Any], found: dict[str, Any] | None) -> list[object]:
    expected = interval(promise["to_expect"])
    shares: list[object] = [0, *["–"] * 4]
    if found:
        shares = [
            found["groups"],
            *(x for k in _KINDS for x in (_share(interval(found[k]["coverage"])), f"{found[k]['size']:.2f}")),
        ]
    return [name, promise["groups"], promise["reference"], _share(expected), *shares]


def _share(value: Interval) -> str:
    return f"{value.estimate:.2f} [{value.low:.2f}, {value.high:.2f}]"


def _fallback(promised: dict[str, Any]) -> list[str]:
    """Say which classes are too few for a promise of their own, and what they get instead."""
    few = {name: own["groups"] for name, own in promised["classes"].items() if own["reference"] == "pooled"}
    if not few:
        return []
    told = ", ".join(f"{name} ({plural(n, 'object')})" for name, n in few.items())
    expected = interval(promised["pooled"]["to_expect"])
    return [
        f"No promise of its own for {told}: {promised['coverage']:.0%} within a class needs "
        f"{plural(promised['groups_needed'], 'training object')} of it. Its set is the pooled one, which is expected "
        f"to hold the true class in {expected.estimate:.1%} [{expected.low:.1%}, {expected.high:.1%}] of all "
        f"photographs ({plural(promised['pooled']['groups'], 'object')}) and says nothing of this class alone."
    ]
