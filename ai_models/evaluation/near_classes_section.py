"""The section of the report on unknown classes that are as near as the known ones."""

from __future__ import annotations

from typing import Any

from ai_models.crossfit.held_out_detection import COMBINED
from ai_models.ensemble.outliers import DETECTORS
from ai_models.evaluation.figures import interval
from ai_models.reporting.charts import interval_plot
from ai_models.reporting.page import Page

__all__ = ["add_near_classes_section", "near_classes_sentence"]

_WORDS = {
    "vim": "ViM",
    "energy": "energy",
    "mahalanobis": "Mahalanobis",
    "relative_mahalanobis": "relative",
    "nearest_neighbours": "neighbours",
    "isolation_forest": "forest",
    COMBINED: "combined",
}


def near_classes_sentence(found: dict[str, Any]) -> str:
    """Return what the mean says, and of how many classes."""
    mean, n = interval(found["mean"][COMBINED]), len(found["classes"])
    of = f"{n} of {found['classes_of']} classes" if n < found["classes_of"] else f"each of the {n} classes"
    words = "cannot be told from known ones" if mean.low <= 0.5 else "are told from known ones"
    return (
        f"With {of} left out in turn, its photographs {words} with a mean AUROC of {mean.estimate:.3f} "
        f"[{mean.low:.3f}, {mean.high:.3f}] (.5 = not at all, 1 = always)."
    )


def add_near_classes_section(page: Page, metrics: dict[str, Any]) -> None:
    """Add the AUROC against each class left out; where it was not measured, why."""
    found = metrics.get("unknown_classes")
    title = "Unknown classes as near as the known ones"
    if found is None or "not_measured" in found:
        why = "quick mode leaves it out" if found is None else found["not_measured"]
        page.section(title, f"How well another class would be noticed was not measured: {why}.")
        return
    names = list(found["classes"])
    columns = [COMBINED, *DETECTORS]
    rows = [
        [
            name,
            f"{c['images']} / {c['groups']}",
            interval(c["auroc"][COMBINED]),
            *(f"{c['auroc'][d]['estimate']:.3f}" for d in columns[1:]),
        ]
        for name, c in found["classes"].items()
    ]
    rows.append(
        ["mean", "", interval(found["mean"][COMBINED]), *(f"{found['mean'][d]['estimate']:.3f}" for d in columns[1:])]
    )
    page.section(
        title,
        near_classes_sentence(found),
        page.figure(
            interval_plot(
                [*names, "mean"],
                {
                    "combined": [
                        *(interval(c["auroc"][COMBINED]) for c in found["classes"].values()),
                        interval(found["mean"][COMBINED]),
                    ]
                },
                x_label="AUROC of the class left out against the others",
            ),
            "Detectors fitted without the class, on the training photographs alone.",
        ),
        page.table(["class left out", "images / objects", *(_WORDS[d] for d in columns)], rows),
        note="A class left out is as near to the others as they are to one another: the hardest kind of unknown. What "
        "looks like nothing known is found far more surely. Intervals come from redraws of whole objects. Relative is "
        "the relative Mahalanobis distance, neighbours the cosine distance to the nearest, forest the IsolationForest.",
    )
