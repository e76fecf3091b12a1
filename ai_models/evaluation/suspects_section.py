"""The section of the report that shows which labels deserve a look."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from ai_models.evaluation.gallery import picture
from ai_models.evaluation.suspects import LABEL, OUTLIER, Suspect, Suspects
from ai_models.reporting.page import GalleryItem, Page

__all__ = ["add_suspects_section", "label_sentence", "outlier_sentence"]

_LISTED = 30  # suspects in a table of the page; all are in suspects.csv


def add_suspects_section(page: Page, found: Suspects, figures: dict[str, Any], pictures: int) -> None:
    """Add the suspects.

    Parameters
    ----------
    page
        The report.
    found
        The suspects.
    figures
        Their counts, as in ``metrics.json``.
    pictures
        Most photographs shown of a kind; 0 for none.
    """
    parts: list[str] = [label_sentence(figures)]
    parts += _shown(page, found, found.of_kind(LABEL), pictures)
    parts += [page.heading("Unlike the others of their class"), outlier_sentence(figures)]
    parts += _shown(page, found, found.of_kind(OUTLIER), pictures)
    page.section(
        "Suspect labels",
        *parts,
        note=f"{figures['images']} photographs of {figures['groups']} objects, each judged by models that had not seen "
        "it; photographs of one object count once. All are in suspects.csv. Only a look can tell a wrong label from a "
        "hard photograph.",
    )


def label_sentence(figures: dict[str, Any]) -> str:
    """Return how many labels are doubted, and how many the model itself expects."""
    label = figures["label"]
    if not label["groups"]:
        return "No label is doubted: no object is taken with confidence for another class than its own."
    start = (
        f"{label['groups']} of {figures['groups']} objects ({label['images']} photographs) are taken with confidence "
        f"for another class than their label's. The model's own probabilities expect about "
        f"{label['expected_groups']:.1f} (at most {label['at_most_groups']} in 95% of cases)"
    )
    if label["groups"] > label["at_most_groups"]:
        return f"{start}: more than these explain, so labels are wrong or the model is too sure of itself."
    return (
        f"{start}, from hard photographs and, since they were fitted to the labels as they stand, from wrong labels "
        "too. So the number proves no wrong label; the order says where to look first."
    )


def outlier_sentence(figures: dict[str, Any]) -> str:
    """Return how many objects lie far from their class, and how many would by chance."""
    outlier = figures["outlier"]
    if outlier is None:
        return f"Not measured: {figures['outlier_not_measured']}."
    return (
        f"{outlier['groups']} objects ({outlier['images']} photographs) lie beyond the fence of their class; "
        f"about {outlier['expected_groups']:.1f} would if distances were log-normal. Not wrong for that: a rare kind, "
        "another side or another background lies there too."
    )


def _shown(page: Page, found: Suspects, suspects: list[Suspect], pictures: int) -> list[str]:
    if not suspects:
        return []
    parts: list[str] = []
    items = [_item(found, s, i) for s in suspects for i in s.rows][:pictures]
    if items:
        parts.append(page.gallery(items))
    rows = [
        [s.label, s.suggested, s.self_confidence, s.margin, s.outlier_ratio, len(s.rows), _first_file(found, s)]
        for s in suspects[:_LISTED]
    ]
    header = ["label", "likeliest other", "p of label", "margin", "distance / median", "images", "first file"]
    parts.append(page.table(header, rows))
    return parts


def _item(found: Suspects, suspect: Suspect, i: int) -> GalleryItem:
    label, other = (found.judged.classes.index(name) for name in (suspect.label, suspect.suggested))
    p = found.judged.p[i]
    lines = [f"or {suspect.suggested}? {p[label]:.2f} against {p[other]:.2f}"]
    if OUTLIER in suspect.kinds:
        lines.append(f"{suspect.outlier_ratio:.1f} times as far as usual")
    if len(suspect.rows) > 1:
        lines.append(f"{len(suspect.rows)} photographs of one object")
    name = PurePosixPath(found.judged.records[i].path).name
    return GalleryItem(picture(found.judged.files[i]), suspect.label, (*lines, name))


def _first_file(found: Suspects, suspect: Suspect) -> str:
    return found.judged.records[suspect.rows[0]].path
