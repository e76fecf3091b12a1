"""The section of the report on prediction sets and verdicts."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from ai_models.evaluation.figures import interval
from ai_models.reporting.page import Page
from ai_models.reporting.tiles import interval_tile

__all__ = ["add_verdicts_section"]

_REASONS = {
    "none": "in domain",
    "ambiguous": "unsure: not clearly of one class",
    "near_class": "ood: near a class, yet unusual",
    "far": "ood: far from all",
    "quality": "worse photograph than those trained on",
}


def add_verdicts_section(page: Page, metrics: dict[str, Any]) -> None:
    """Add the coverage and size of prediction sets, the verdicts and the false alarms."""
    scored, alarms = metrics["scored"], metrics["false_alarms"]
    promised = metrics["model"]["coverage"]
    tiles = [
        interval_tile("Sets that hold the true class", interval(scored["set_coverage"])),
        interval_tile("Classes in a set, on average", interval(scored["set_size"])),
        *(
            interval_tile(f"Called {name.replace('_', ' ')}", interval(value))
            for name, value in scored["verdicts"].items()
        ),
    ]
    stated = (
        ""
        if alarms["stated"] is None
        else f"Of known images at most {alarms['stated']:.0%} should be called foreign (stated); "
        f"measured: {interval(alarms['measured'])}. "
    )
    sets = "" if promised is None else f"Prediction sets are made to hold the true class {promised:.0%} of the time."
    page.section("Prediction sets and verdicts", page.tiles(tiles), stated + sets, _reasons(page, metrics["reasons"]))


def _reasons(page: Page, found: dict[str, Any]) -> Markup:
    """Return the table of reasons: a column for the known photographs and one for each foreign folder."""
    named = [("known", found["known"]), *found["foreign"].items()]
    given = [(name, share) for name, share in named if share]
    if not given:
        return Markup("")
    rows = [[words, *(interval(share[reason]) for _, share in given)] for reason, words in _REASONS.items()]
    return page.table(["share of photographs by reason", *(name for name, _ in given)], rows)
