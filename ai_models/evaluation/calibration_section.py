"""The section of the report that asks whether the stated probabilities can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ai_models.evaluation.figures import interval
from ai_models.metrics import reliability
from ai_models.reporting.charts import HALF, histogram
from ai_models.reporting.classifier_charts import reliability_diagram
from ai_models.reporting.page import Page
from ai_models.reporting.tiles import interval_tile

if TYPE_CHECKING:
    from ai_models.evaluation.evaluate import Evaluation


__all__ = ["add_calibration_section"]


def add_calibration_section(page: Page, found: Evaluation) -> None:
    """Add the calibration error beside its floor, and the reliability diagram."""
    scored = found.metrics["scored"]
    p, y = found.scored.predictions.probabilities, found.scored.y
    floor, parts = scored["ece_floor"], scored["brier_top_label"]
    right = p.argmax(axis=1) == y
    tiles = [
        interval_tile("Expected calibration error", interval(scored["ece"])),
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
