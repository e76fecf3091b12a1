"""The section of the report on images of things that the model was never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ai_models.evaluation.figures import interval
from ai_models.reporting.charts import HALF, histogram
from ai_models.reporting.classifier_charts import roc_curves
from ai_models.reporting.page import Page

if TYPE_CHECKING:
    from ai_models.evaluation.evaluate import Evaluation


__all__ = ["add_foreign_section"]


def add_foreign_section(page: Page, found: Evaluation) -> None:
    """Add how well foreign images are told from known ones; where none were given, how to give them."""
    if not found.foreign:
        page.section("Unknown objects", "No folder of foreign images was given: add --ood-dir to measure this.")
        return
    figures = found.metrics["ood"]
    inside = found.scored.predictions.ood_scores
    outside = {one.name: one.predictions.ood_scores for one in found.foreign}
    labels = {
        name: f"{name} ({figures[name]['images']} images, {figures[name]['groups']} distinct)" for name in outside
    }
    rows = [
        [
            name,
            f["images"],
            f["groups"],
            *(interval(f[key]) for key in ("auroc", "fpr_at_tpr95", "called_ood", "called_in_domain")),
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
