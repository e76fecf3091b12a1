"""Tiles of figures that come with an interval."""

from __future__ import annotations

import math

from ai_models.metrics import Interval

__all__ = ["interval_tile"]


def interval_tile(label: str, value: Interval) -> tuple[str, str, str]:
    """Return a tile for `Page.tiles`: the estimate, and its interval as the hint."""
    if math.isnan(value.estimate):
        return label, "–", "not measured"
    ends = "no interval" if math.isnan(value.low) else f"{value.low:.3f} to {value.high:.3f}"
    return label, f"{value.estimate:.3f}", ends
