"""Charts of two models on the same objects."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from ai_models.reporting.charts import WIDTH, legend_above
from ai_models.reporting.svg import INK, MUTED, SERIES, chart, tidy

__all__ = ["paired_gains"]


@chart
def paired_gains(figure: Figure, gains: ArrayLike, *, description: str = "") -> str:
    """Draw what A gains over B on each object, from the worst to the best, and the mean.

    Parameters
    ----------
    gains
        float (objects,), above 0 where A is better.
    """
    values = np.sort(np.asarray(gains, dtype=np.float64))
    figure.set_size_inches(WIDTH, 3.4)
    axes = figure.add_subplot()
    places = np.arange(1, len(values) + 1)
    axes.axhline(0, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for better, name, colour in ((values > 0, "A better", SERIES[0]), (values < 0, "B better", SERIES[1])):
        axes.vlines(places[better], 0, values[better], color=colour, linewidth=1.2, alpha=0.45)
        axes.scatter(places[better], values[better], s=20, color=colour, linewidths=0, label=f"{name} ({better.sum()})")
    alike = values == 0
    if alike.any():
        axes.scatter(places[alike], values[alike], s=14, color=MUTED, linewidths=0, label=f"alike ({alike.sum()})")
    axes.axhline(float(values.mean()), color=INK, linewidth=1.3, label=f"mean {values.mean():+.3f}")
    axes.set_xlim(0, len(values) + 1)
    tidy(axes, grid="y", x_label=f"{len(values)} objects, sorted", y_label="gain of A, nats")
    legend_above(axes)
    return description or f"Gains of A on {len(values)} objects, mean {values.mean():+.3f} nats"
