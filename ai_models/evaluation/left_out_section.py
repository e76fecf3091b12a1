"""The section of the report on photographs that were not scored, and why."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ai_models.reporting.page import Page

__all__ = ["add_left_out_section"]

_LISTED = 50  # left-out files named in the page; all are in metrics.json


def add_left_out_section(page: Page, metrics: dict[str, Any]) -> None:
    """Add the photographs that were not scored."""
    left = metrics["left_out"]
    if not left:
        page.section("Not scored", "Every photograph was scored.")
        return
    counts = Counter(item["kind"] for item in left)
    rows = [[item["path"], item["kind"], item["detail"]] for item in left[:_LISTED]]
    page.section(
        "Not scored",
        page.table(["file", "why", "detail"], rows),
        note=", ".join(f"{n} {kind}" for kind, n in counts.most_common())
        + ("" if len(left) <= _LISTED else f"; the first {_LISTED} are shown, all are in metrics.json"),
    )
