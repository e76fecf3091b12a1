"""The sections of the report that show photographs: errors and doubts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ai_models.core.counts import photographs_of
from ai_models.core.predictions import OodVerdict
from ai_models.evaluation import gallery
from ai_models.evaluation.explained_errors_section import add_explained_errors
from ai_models.reporting.page import Page

if TYPE_CHECKING:
    from ai_models.evaluation.evaluate import Evaluation


__all__ = ["add_gallery_sections"]


def add_gallery_sections(page: Page, found: Evaluation, most: int) -> None:
    """Add the errors and the doubts, at most `most` errors."""
    wrong = gallery.errors(found.scored, most)
    missed = found.scored.predictions.probabilities.argmax(axis=1) != found.scored.y
    groups = found.scored.manifest.groups[missed]
    total = photographs_of(int(missed.sum()), len(set(groups.tolist())), "wrong prediction")
    page.section(
        "Errors",
        page.gallery(wrong) if wrong else "Every photograph was classified rightly.",
        note=f"{total}; {len(wrong)} shown, the surest first: true class, predicted class, probabilities."
        if wrong
        else "",
    )
    add_explained_errors(page, found)
    half = max(1, most // 2)
    parts: list[str] = []
    for verdict, title in (
        (OodVerdict.UNSURE, "Right, but called unsure"),
        (OodVerdict.OOD, "Right, but called foreign"),
    ):
        items = gallery.doubted(found.scored, verdict, half)
        parts += [page.heading(title), page.gallery(items)] if items else []
    for one in found.foreign:
        items = gallery.slipped_through(one, half)
        parts += [page.heading(f"From '{one.name}', taken for known"), page.gallery(items)] if items else []
    page.section("Doubts", *(parts or ["No photograph was doubted, and no foreign image slipped through."]))
