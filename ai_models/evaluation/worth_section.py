"""The section of the report on what each part of the model gains, kept or dropped."""

from __future__ import annotations

from typing import Any

from ai_models.metrics import Interval
from ai_models.reporting.charts import interval_bars
from ai_models.reporting.page import Cell, Page

__all__ = ["add_worth_section"]

_NAMES = {
    "block": "block of features",
    "member": "kind of classifier",
    "augmentation": "augmented copies",
    "look": "test-time augmentation",
}


def add_worth_section(page: Page, metrics: dict[str, Any]) -> None:
    """Add the gain of each block, kind of classifier and of the copies; nothing for a model that did not record it."""
    parts = metrics["model"].get("worth")
    if not parts:
        return
    level = metrics["level"]
    shown = [p for p in parts if p["nll_gain"]["low"] is not None]
    gains = [_interval(p["nll_gain"], level) for p in shown]
    rows = [
        [
            p["part"],
            _NAMES[p["of"]],
            Cell("kept" if p["kept"] else "dropped", "good" if p["kept"] else "open"),
            _words(p["nll_gain"]),
            p["nll_gain"]["groups"],
        ]
        for p in parts
    ]
    chart = page.figure(
        interval_bars([f"{p['part']} ({p['of']})" for p in shown], gains, x_label="gain in log loss"),
        "A bar to the right: the model is better with the part than without it.",
    )
    page.section(
        "What each part is worth",
        chart,
        page.table(["part", "what it is", "in the model", "gain in log loss", "objects"], rows),
        f"The vote is trusted at {metrics['model']['trust']:.0%} against plain logistic regression on the embedding.",
        note="Log loss out of fold without the part minus with it, both cross-fitted on the training photographs and "
        f"paired by object; lines are {level:.0%} intervals. Parts are taken away one by one, the least useful first: "
        "each gain is that among the parts that were left. An interval on both sides of 0 cannot be told from luck.",
    )


def _interval(gain: dict[str, Any], level: float) -> Interval:
    return Interval(gain["mean"], gain["low"], gain["high"], level)


def _words(gain: dict[str, Any]) -> str:
    if gain["low"] is None:
        return f"{gain['mean']:+.3f}"
    return f"{gain['mean']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]"
