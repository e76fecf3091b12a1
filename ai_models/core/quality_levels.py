"""What is measured of a photograph's quality, in numbers, and from which level it will not do."""

from __future__ import annotations

from typing import Final

__all__ = ["NORMAL", "QUALITY_COLUMNS", "STRICT", "fault_words"]

NORMAL: Final = {"blur": 0.3, "brightness": 0.2, "contrast": 0.22, "resolution": 0.4}
"""Least score of each kind at the normal level (resolution: a short side of 64 pixels)."""
STRICT: Final = {"blur": 0.5, "brightness": 0.5, "contrast": 0.45, "resolution": 0.76}
"""Least score of each kind at the strict level (resolution: a short side of 223 pixels)."""

QUALITY_COLUMNS: Final = (*NORMAL, "overexposed")
"""A photograph's quality as a row of numbers: the scores in [0, 1], and 1 where too much light limits brightness."""


def fault_words(kind: str, *, overexposed: bool = False) -> str:
    """Return what a photograph with a low score of a kind is called."""
    words = {"blur": "blurred", "contrast": "low contrast", "resolution": "low resolution"}
    return words.get(kind) or ("too bright" if overexposed else "too dark")
