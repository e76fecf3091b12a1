"""The section of the report that is read first: the main figures, each above its interval."""

from __future__ import annotations

from typing import Any

from ai_models.evaluation.figures import interval
from ai_models.reporting.page import Page
from ai_models.reporting.tiles import interval_tile

__all__ = ["add_summary_section"]


def add_summary_section(page: Page, metrics: dict[str, Any]) -> None:
    """Add the main figures."""
    scored = metrics["scored"]
    names = (
        ("Log loss (NLL), nats", "nll"),
        ("Brier score, 0 to 2", "brier"),
        ("Balanced accuracy", "balanced_accuracy"),
        ("Accuracy", "accuracy"),
        ("Macro F1", "f1_macro"),
        ("Weighted F1", "f1_weighted"),
        ("Among the top 3", "top3_accuracy"),
    )
    tiles = [interval_tile(label, interval(scored[name])) for label, name in names]
    tiles.insert(0, ("Images / objects", f"{scored['images']} / {scored['groups']}", "objects are what counts as n"))
    tiles += [
        interval_tile(f"AUROC against '{name}'", interval(figures["auroc"])) for name, figures in metrics["ood"].items()
    ]
    page.section(
        "Summary",
        page.tiles(tiles),
        *metrics["source"]["notes"],
        note=f"Below each figure is its {metrics['level']:.0%} interval. Photographs of one object count together: "
        f"intervals come from {metrics['bootstrap_draws']} redraws of whole objects.",
    )
