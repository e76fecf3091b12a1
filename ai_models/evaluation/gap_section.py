"""The section of the report that sets the training photographs' figures beside those of new objects."""

from __future__ import annotations

from typing import Any

from ai_models.core.counts import photographs_of
from ai_models.evaluation.figures import interval
from ai_models.reporting.page import Page

__all__ = ["add_gap_section"]


def add_gap_section(page: Page, metrics: dict[str, Any]) -> None:
    """Set the training photographs beside the new objects; nothing where they themselves are what is scored."""
    if "gap" not in metrics:
        return
    reference, scored = metrics["training_out_of_fold"], metrics["scored"]
    trained_on = photographs_of(reference["images"], reference["groups"], "training photograph")
    names = {
        "nll": "log loss (NLL)",
        "brier": "Brier score",
        "balanced_accuracy": "balanced accuracy",
        "accuracy": "accuracy",
        "f1_macro": "macro F1",
    }
    rows = [
        [label, interval(reference[key]), interval(scored[key]), interval(metrics["gap"][key])]
        for key, label in names.items()
    ]
    page.section(
        "Training against new objects",
        page.table(["figure", "training, out of fold", "here", "difference"], rows),
        note=f"Out-of-fold figures of {trained_on} beside those above. A difference whose interval holds 0 is no sign "
        "of overfitting.",
    )
