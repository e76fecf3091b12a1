"""The section of the report that shows what a careless split would have promised."""

from __future__ import annotations

from typing import Any

from ai_models.evaluation.figures import interval
from ai_models.evaluation.leak_meter import leak_sentence
from ai_models.reporting.charts import interval_plot
from ai_models.reporting.page import Page

__all__ = ["add_leak_section"]

_NAMES = {
    "naive": "split at random",
    "augmented": "copied first, then split",
    "grouped": "objects kept whole",
}


def add_leak_section(page: Page, metrics: dict[str, Any]) -> None:
    """Add the leak meter; where it was not asked for, how to ask."""
    found = metrics.get("leak_meter")
    if found is None:
        page.section("Leak meter", "What a careless split would have promised was not measured: add --leak-meter.")
        return
    rows = [
        [label, interval(found[name]), interval(found[f"{name}_gap"]) if name != "grouped" else "–"]
        for name, label in _NAMES.items()
    ]
    page.section(
        "Leak meter",
        leak_sentence(found),
        page.figure(
            interval_plot(
                list(_NAMES.values()),
                {"balanced accuracy": [interval(found[name]) for name in _NAMES]},
                x_label="balanced accuracy",
            ),
            "The same photographs and the same classifier; only the split differs.",
        ),
        page.table(["split", "balanced accuracy", "above objects kept whole"], rows),
        note=f"Logistic regression on {' + '.join(found['blocks'])} of {found['images']} photographs "
        f"({found['groups']} objects), {found['folds']} folds, mean of {found['repeats']} draws of them; "
        f"{found['copies']} copies ('{found['preset']}') in the second row. It is not this model, whose figures stand "
        "above: a plain classifier shows what the split alone does.",
    )
