"""The section of the report that says what may be claimed."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from ai_models.evaluation.claims import together
from ai_models.reporting.page import Cell, Page, Tone

__all__ = ["add_claims_section"]

_TONES: dict[str, Tone] = {"supported": "good", "not supported": "bad", "n too small to say": "open"}


def add_claims_section(page: Page, metrics: dict[str, Any]) -> None:
    """Add what the figures allow to be said."""
    found = metrics["claims"]
    asked, promised = ([c for c in found if c["asked"] is own] for own in (True, False))
    parts = [page.heading("What you asked"), _table(page, asked)] if asked else []
    page.section(
        "What can be claimed",
        *parts,
        page.heading("What is promised") if asked else "",
        _table(page, promised),
        together(found),
        note="A claim is supported where the whole interval lies on its side, not supported where the whole "
        "interval lies on the other; in between, there are too few photographs to say. A claim on every class needs "
        "each class's own interval.",
    )


def _table(page: Page, found: list[dict[str, Any]]) -> Markup:
    rows = [[c["statement"], Cell(c["standing"], _TONES[c["standing"]]), c["evidence"]] for c in found]
    return page.table(["claim", "these photographs say", "evidence"], rows)
