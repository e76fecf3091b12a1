"""The section of the report that goes class by class."""

from __future__ import annotations

from typing import Any

import numpy as np

from ai_models.evaluation.figures import interval
from ai_models.reporting.charts import interval_plot
from ai_models.reporting.classifier_charts import confusion_matrix_chart
from ai_models.reporting.page import Page

__all__ = ["add_classes_section"]


def add_classes_section(page: Page, metrics: dict[str, Any]) -> None:
    """Add precision, recall, F1 and the confusion matrix."""
    by_class = metrics["scored"]["classes"]
    names = list(by_class)
    series = {
        label: [interval(by_class[name][key]) for name in names]
        for label, key in (("precision", "precision"), ("recall", "recall"), ("F1", "f1"))
    }
    rows = [
        [name, by_class[name]["images"], by_class[name]["groups"], *(values[i] for values in series.values())]
        for i, name in enumerate(names)
    ]
    table = metrics["scored"]["confusion_matrix"]
    page.section(
        "Class by class",
        page.figure(interval_plot(names, series, x_label="share"), "Dots are estimates, lines their 95% intervals."),
        page.table(["class", "images", "objects", "precision", "recall", "F1"], rows),
        page.figure(
            confusion_matrix_chart(
                np.array(table["images"], dtype=np.int64),
                table["classes"],
                objects=[by_class[name]["groups"] for name in table["classes"]],
            ),
            "Rows are true classes. Colour and percentage: share of the row; small figure: images.",
        ),
    )
