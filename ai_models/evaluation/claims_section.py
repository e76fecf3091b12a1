"""The section of the report that says what may be claimed."""

from __future__ import annotations

from typing import Any

from ai_models.reporting.page import Cell, Page

__all__ = ["add_claims_section"]

_TONES = {"supported": "good", "not supported": "bad", "n too small to say": "open"}


def add_claims_section(page: Page, metrics: dict[str, Any]) -> None:
    """Add what the figures allow to be said."""
    rows = [[c["statement"], Cell(c["standing"], _TONES[c["standing"]]), c["evidence"]] for c in metrics["claims"]]  # type: ignore[arg-type]
    page.section(
        "What can be claimed",
        page.table(["claim", "these photographs say", "evidence"], rows),
        note="A claim is supported where the whole interval lies on its side, not supported where the whole "
        "interval lies on the other; in between, there are too few photographs to say.",
    )
