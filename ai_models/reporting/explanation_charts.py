"""Charts of one explained prediction: what adds up to a margin, and what becomes of it when pixels go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from ai_models.reporting.charts import HALF, WIDTH, legend_above, legend_name
from ai_models.reporting.svg import ACCENT, INK, MUTED, SERIES, chart, short, tidy

__all__ = ["removal_curves", "signed_bars"]


@chart
def signed_bars(
    figure: Figure, parts: Mapping[str, float], *, x_label: str = "", width: float = WIDTH, description: str = ""
) -> str:
    """Draw bars to both sides of zero, each with its value.

    Parameters
    ----------
    parts
        Name -> value, the first on top.
    x_label
        What the values are.
    width
        Inches at 96 px; `HALF` for one of a pair.
    """
    n, values = len(parts), np.array(list(parts.values()), dtype=np.float64)
    figure.set_size_inches(width, 0.75 + 0.3 * n)
    axes = figure.add_subplot()
    colours = [ACCENT if value >= 0 else SERIES[1] for value in values]
    bars = axes.barh(np.arange(n), values, 0.62, color=colours, alpha=0.85)
    axes.bar_label(bars, labels=[f"{value:+.2f}" for value in values], padding=4, color=MUTED, fontsize=9)
    axes.axvline(0, color=MUTED, linewidth=1)
    axes.set_yticks(range(n), [short(name, 30) for name in parts])
    axes.set_ylim(n - 0.4, -0.6)
    axes.margins(x=0.16)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    tidy(axes, x_label=x_label)
    return description or f"{x_label}: bars to both sides of zero for {n} names"


@chart
def removal_curves(
    figure: Figure,
    heat_map: ArrayLike,
    random: Sequence[ArrayLike],
    centre: ArrayLike,
    *,
    x_label: str,
    y_label: str = "probability",
    description: str = "",
) -> str:
    """Draw what a model says while pixels go or come in the order of a map, beside maps that know nothing.

    Parameters
    ----------
    heat_map, centre
        Float (m,), at equal steps from none to all of the pixels.
    random
        The same for each random map; drawn as the band from the least to the largest, and their mean.
    x_label, y_label
        Of the axes.
    """
    figure.set_size_inches(HALF, 3.3)
    axes = figure.add_subplot()
    lines = np.array([np.asarray(one, dtype=np.float64) for one in random])
    x = np.linspace(0, 1, lines.shape[1])
    axes.fill_between(x, lines.min(axis=0), lines.max(axis=0), color=MUTED, alpha=0.18, linewidth=0)
    axes.plot(x, lines.mean(axis=0), color=MUTED, linewidth=1.5, label=legend_name(f"random ({len(lines)})"))
    axes.plot(x, np.asarray(centre), color=INK, linewidth=1.3, linestyle=(0, (4, 3)), label="spot in the middle")
    axes.plot(x, np.asarray(heat_map), "o-", color=ACCENT, linewidth=1.8, markersize=3.5, label="heat map")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.02, 1.02))
    tidy(axes, grid="both", x_label=x_label, y_label=y_label)
    legend_above(axes)
    return description or f"{y_label} against {x_label}: heat map, random maps, a spot in the middle"
