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
    floor, parts = scored["ece_floor"], scored["brier_parts"]
    right = p.argmax(axis=1) == y
    proper = [
        interval_tile("Log loss (NLL), nats", interval(scored["nll"])),
        interval_tile("Brier score, 0 to 2", interval(scored["brier"])),
        interval_tile("= unreliability (0 is best)", interval(parts["reliability"])),
        interval_tile("− resolution (more is better)", interval(parts["resolution"])),
        interval_tile("+ uncertainty of the question", interval(parts["uncertainty"])),
    ]
    errors = [
        interval_tile("Calibration error, debiased (RMS)", interval(scored["rms_calibration_error"])),
        interval_tile("Calibration error, plain (ECE)", interval(scored["ece"])),
        (
            "A calibrated model would show",
            f"{floor['mean']:.3f}",
            f"of plain ECE; below {floor['q95']:.3f} in 95% of samples of this size",
        ),
    ]
    page.section(
        "Can the confidence be believed?",
        page.tiles(proper),
        page.tiles(errors),
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
        note="Log loss and Brier score see every probability. The Brier score's parts add up; what a calibrated model "
        f"would show of unreliability at this size ({parts['floor']['mean']:.3f}) is taken off the first two "
        "(below 0: none is to be seen). The plain calibration error of few images is above zero even for a perfect "
        "model: read it beside what such a model would show, or take the debiased one.",
    )  # fmt: skip
