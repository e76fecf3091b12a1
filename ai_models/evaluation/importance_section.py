"""The section of the report on what the model goes by."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from ai_models.evaluation.figures import interval
from ai_models.reporting.charts import interval_bars
from ai_models.reporting.page import Page

__all__ = ["add_importance_section"]


def add_importance_section(page: Page, metrics: dict[str, Any]) -> None:
    """Add what the model goes by; where that cannot be measured, why."""
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
