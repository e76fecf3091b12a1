"""What photographs tell without their object: the chart and the table that every report shows."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from ai_models.metrics import Interval
from ai_models.reporting.charts import interval_plot
from ai_models.reporting.page import Cell, Page

__all__ = ["shortcut_parts"]

_ALPHA = 0.05


def shortcut_parts(page: Page, probe: dict[str, Any], *, what: str) -> tuple[Markup, ...]:
    """Return the chart (where any trait differs) and the table of one probe.

    Parameters
    ----------
    page
        Where they will stand.
    probe
        As ``ShortcutProbe.to_dict`` gives it.
    what
        What the traits are to tell, such as ``"the class"``.
    """
    traits: dict[str, dict[str, Any]] = probe["traits"]
    told = {name: Interval(**f["balanced_accuracy"]) for name, f in traits.items() if not f["same_for_all"]}
    table = page.table(
        ["trait alone", f"tells {what}: balanced accuracy [95 %]", "p", "p, corrected", "standing"],
        [_row(name, found, told.get(name)) for name, found in traits.items()],
    )
    if not told:
        return (table,)
    chart = interval_plot(
        list(told),
        {"balanced accuracy": list(told.values())},
        x_label=f"balanced accuracy of telling {what}",
        reference={f"guessing ({probe['chance']:.2f})": probe["chance"]},
    )
    caption = (
        f"Nearest neighbours among other objects, five folds; {probe['images']} photographs of {probe['groups']} "
        f"objects. p from {probe['permutations']} exchanges of labels between objects, corrected for the number of "
        "traits by Holm's method."
    )
    return page.figure(chart, caption), table


def _row(name: str, found: dict[str, Any], told: Interval | None) -> list[object]:
    if told is None:
        return [name, "the same for every photograph", "–", "–", Cell("tells nothing", "good")]
    words = f"{told.estimate:.3f} [{told.low:.3f}, {told.high:.3f}]"
    traced = Cell("slight", "open") if found["p_holm"] <= _ALPHA else Cell("none shown")
    standing = Cell("shortcut", "bad") if found["material"] else traced
    return [name, words, f"{found['p_value']:.3f}", f"{found['p_holm']:.3f}", standing]
