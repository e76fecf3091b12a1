"""Small multiples: one panel of one curve for each of several conditions, on a common scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ai_models.metrics import Interval
from ai_models.reporting.charts import WIDTH
from ai_models.reporting.svg import ACCENT, MUTED, chart, display_text, short, tidy

__all__ = ["Panel", "small_multiples"]

_COLUMNS = 3


@dataclass(frozen=True)
class Panel:
    """One curve.

    Attributes
    ----------
    title
        What the panel is of.
    x_label
        What the ticks are.
    ticks
        m texts, one a point.
    points
        m intervals; NaN ends draw no band.
    reference
        m values of a dashed line, or none.
    """

    title: str
    x_label: str
    ticks: Sequence[str]
    points: Sequence[Interval]
    reference: Sequence[float] = ()


@chart
def small_multiples(
    figure: Figure,
    panels: Sequence[Panel],
    *,
    y_label: str = "",
    limits: tuple[float, float] | None = None,
    description: str = "",
) -> str:
    """Draw the panels three a row on one vertical scale, each curve with the band of its intervals.

    Parameters
    ----------
    panels
        At least one.
    y_label
        What is measured.
    limits
        Ends of the vertical axis; None fits them to the estimates.
    """
    rows = -(-len(panels) // _COLUMNS)
    figure.set_size_inches(WIDTH, 0.2 + 2.15 * rows)
    grid = figure.subplots(rows, _COLUMNS, sharey=True, squeeze=False)
    for i, axes in enumerate(grid.flat):
        if i >= len(panels):
            axes.set_axis_off()
            continue
        _draw(axes, panels[i])
        if i % _COLUMNS == 0 and y_label:
            axes.set_ylabel(display_text(y_label))
    low, high = limits if limits is not None else _fitted(panels)
    margin = 0.04 * (high - low)
    grid[0, 0].set_ylim(low - margin, high + margin)
    return description or f"{y_label} for {', '.join(p.title for p in panels)}"


def _draw(axes: Axes, panel: Panel) -> None:
    table = np.array([p[:3] for p in panel.points], dtype=np.float64).reshape(-1, 3)
    x = np.arange(len(table))
    axes.fill_between(x, table[:, 1], table[:, 2], color=ACCENT, alpha=0.18, linewidth=0)
    if len(panel.reference):
        axes.plot(x, panel.reference, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.plot(x, table[:, 0], "o-", color=ACCENT, linewidth=1.8, markersize=4)
    axes.set_xticks(x, [display_text(t) for t in panel.ticks])
    axes.tick_params(axis="x", labelsize=9)
    axes.set_title(short(panel.title, 30), loc="left", fontsize=10)
    tidy(axes, grid="both", x_label=short(panel.x_label, 38))


def _fitted(panels: Sequence[Panel]) -> tuple[float, float]:
    """Fit to the estimates and what they are compared with, and to at most twice their range of the bands."""
    values = np.array([v for p in panels for v in (*(i.estimate for i in p.points), *p.reference)], dtype=np.float64)
    ends = np.array([v for p in panels for i in p.points for v in (i.low, i.high)], dtype=np.float64)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    reach = max(high - low, 0.05)
    return max(float(np.nanmin([low, *ends])), low - reach), min(float(np.nanmax([high, *ends])), high + reach)
