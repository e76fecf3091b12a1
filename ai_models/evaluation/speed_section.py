"""The section of the report on how long an image takes."""

from __future__ import annotations

from typing import Any

from ai_models.reporting.page import Page

__all__ = ["add_speed_section"]


def add_speed_section(page: Page, timings: dict[str, Any]) -> None:
    """Add the time of each stage; where it was not measured, why."""
    if not timings:
        page.section("Speed", "Not measured: the photographs are not where they were.")
        return
    names = {
        "read": "read and decode",
        "features": "features, reading included",
        "vote": "vote and verdict",
        "whole": "whole image",
    }
    rows = [
        [text, *(f"{timings['seconds'][stage][key] * 1000:.1f} ms" for key in ("median", "p95", "most"))]
        for stage, text in names.items()
    ]
    machine = timings["machine"]
    page.section(
        "Speed",
        page.table(["stage", "median", "95% of images below", "slowest"], rows),
        note=f"{timings['images']} images one at a time, nothing cached, on {machine['cores']} cores "
        f"({machine['processor']}). Promised: 95% of images below 2 s without a GPU.",
    )
