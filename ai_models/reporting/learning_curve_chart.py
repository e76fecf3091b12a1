"""Chart of a learning curve: what was measured, and what the curve through it says of more objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from ai_models.metrics import Interval
from ai_models.reporting.charts import WIDTH, legend_above
from ai_models.reporting.svg import ACCENT, INK, MUTED, SERIES, chart, tidy

__all__ = ["learning_curve_chart"]

_TICKS = (0.25, 0.5, 1.0, 2.0)  # of the largest size measured


@chart
def learning_curve_chart(
    figure: Figure,
    measured: Sequence[tuple[float, Interval]],
    fitted: Sequence[tuple[float, Interval]],
    *,
    x_label: str = "objects to learn from",
    y_label: str = "balanced accuracy",
    description: str = "",
) -> str:
    """Draw measured points with their intervals, and the curve with its bounds, dashed beyond the last point.

    Parameters
    ----------
    measured
        (size, value) pairs, sizes rising.
    fitted
        (size, value) pairs of the curve, to beyond the last point.
    """
    figure.set_size_inches(WIDTH, 3.4)
    axes = figure.add_subplot()
    x, table = _columns(fitted)
    last = measured[-1][0]
    within, beyond = x <= last * 1.02, x >= last * 0.98
    axes.fill_between(x, table[:, 1], table[:, 2], color=SERIES[1], alpha=0.15, linewidth=0, label="95% bounds")
    axes.plot(x[within], table[within, 0], color=SERIES[1], linewidth=1.8, label="curve")
    axes.plot(x[beyond], table[beyond, 0], color=SERIES[1], linewidth=1.8, linestyle=(0, (4, 3)), label="extrapolated")
    sizes, points = _columns(measured)
    axes.vlines(sizes, points[:, 1], points[:, 2], color=ACCENT, linewidth=1.6, alpha=0.55)
    axes.scatter(sizes, points[:, 0], s=30, color=ACCENT, zorder=3, linewidths=0, label="measured")
    axes.axvline(last, color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
    axes.annotate(
        "all there are", (last, 0), xycoords=("data", "axes fraction"), xytext=(-5, 5), textcoords="offset points",
        ha="right", fontsize=9, color=INK,
    )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_xticks([last * factor for factor in _TICKS if last * factor >= sizes[0] * 0.98])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    tidy(axes, grid="both", x_label=x_label, y_label=y_label)
    legend_above(axes)
    return description or f"{y_label} against {x_label}: {len(measured)} points measured, curve to twice the last"


def _columns(pairs: Sequence[tuple[float, Interval]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([n for n, _ in pairs]), np.array([value[:3] for _, value in pairs], dtype=np.float64).reshape(-1, 3)
