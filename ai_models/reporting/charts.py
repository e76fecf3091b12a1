"""Charts for reports, as inline SVG; those of a classifier's judgement stand in `classifier_charts`.

Every function returns `markupsafe.Markup` holding one ``<svg>`` whose text is text, whose colours follow the page's
light or dark scheme, and which is equal for equal input.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

from ai_models.metrics import Interval
from ai_models.reporting.svg import ACCENT, GRID, INK, MUTED, SERIES, chart, display_text, short, tidy

__all__ = [
    "HALF",
    "WIDTH",
    "bar_chart",
    "histogram",
    "interval_bars",
    "interval_plot",
    "legend_above",
    "legend_name",
    "line_chart",
    "scatter",
]

WIDTH = 8.8  # inches at 96 px, the width of a figure of the page
HALF = 4.9  # of one of a pair


@chart
def bar_chart(
    figure: Figure,
    labels: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    x_label: str = "",
    description: str = "",
) -> str:
    """Draw horizontal bars, one for each series at each label, with the value at its end.

    Parameters
    ----------
    labels
        What the bars are of, such as class names; the first on top.
    series
        Name -> one value a label, such as ``{"images": ..., "groups": ...}``; at most six.
    x_label
        What the values are.
    description
        What a screen reader says of the chart.
    """
    n, m = len(labels), len(series)
    figure.set_size_inches(WIDTH, 0.7 + n * (0.16 + 0.2 * m))
    axes = figure.add_subplot()
    thickness = 0.8 / max(m, 1)
    for i, (name, values) in enumerate(series.items()):
        places = np.arange(n) - 0.4 + thickness * (i + 0.5)
        bars = axes.barh(places, values, thickness * 0.86, color=SERIES[i % len(SERIES)], label=legend_name(name))
        axes.bar_label(bars, labels=[_figure(v) for v in values], padding=4, color=MUTED, fontsize=9)
    axes.margins(x=0.08)
    _label_rows(axes, labels)
    _whole_numbers(axes, [v for values in series.values() for v in values])
    tidy(axes, x_label=x_label)
    if m > 1:
        legend_above(axes)
    return description or f"Bars of {x_label or ', '.join(series)} for {n} labels"


@chart
def histogram(
    figure: Figure,
    values: Mapping[str, ArrayLike],
    *,
    bins: int = 30,
    x_label: str = "",
    y_label: str = "images",
    marks: Mapping[str, float] | None = None,
    share: bool = False,
    log_x: bool = False,
    width: float = WIDTH,
    height: float = 2.7,
    description: str = "",
) -> str:
    """Draw how values spread, one outline a series over the same bins.

    Parameters
    ----------
    values
        Name -> numbers; what is not finite is left out. At most six.
    bins
        How many, of equal width (equal ratio with `log_x`).
    marks
        Name -> a value to mark by a dashed line, such as a threshold.
    share
        Whether each series shows shares of itself rather than counts, so that sizes do not matter.
    log_x
        Whether the axis is logarithmic; values must then be above 0.
    width, height
        Inches at 96 px; `HALF` is the width of one of a pair.
    """
    figure.set_size_inches(width, height)
    axes = figure.add_subplot()
    finite = {name: _finite(v) for name, v in values.items()}
    edges = _edges(np.concatenate([*finite.values(), np.empty(0)]), bins, log_x)
    for i, (name, numbers) in enumerate(finite.items()):
        weights = np.full(len(numbers), 1 / max(len(numbers), 1)) if share else None
        counts, _ = np.histogram(numbers, edges, weights=weights)
        colour = SERIES[i % len(SERIES)]
        axes.stairs(counts, edges, fill=True, color=colour, alpha=0.28 if len(finite) > 1 else 0.75)
        axes.stairs(counts, edges, color=colour, linewidth=1.4, label=legend_name(f"{name} ({len(numbers)})"))
    for name, value in (marks or {}).items():
        axes.axvline(value, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(
            display_text(name), (value, 1), xycoords=("data", "axes fraction"), xytext=(4, -2),
            textcoords="offset points", va="top", fontsize=9, color=INK,
        )  # fmt: skip
    if log_x:
        _logarithmic(axes, "x")
    axes.set_ylim(bottom=0)
    if not share:
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    tidy(axes, grid="y", x_label=x_label, y_label=f"share of {y_label}" if share else y_label)
    if len(finite) > 1:
        legend_above(axes)
    return description or f"Histogram of {x_label or ', '.join(values)}"


@chart
def scatter(
    figure: Figure,
    x: ArrayLike,
    y: ArrayLike,
    *,
    kinds: Sequence[str] | None = None,
    x_label: str = "",
    y_label: str = "",
    log: bool = False,
    width: float = WIDTH,
    description: str = "",
) -> str:
    """Draw points, coloured by kind where kinds are given (the six most frequent, then ``other``).

    Parameters
    ----------
    x, y
        float (n,).
    kinds
        n names.
    log
        Whether both axes are logarithmic.
    width
        Inches at 96 px; `HALF` for one of a pair.
    """
    figure.set_size_inches(width, 3.8)
    axes = figure.add_subplot()
    across, up = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    names = np.array(list(kinds) if kinds is not None else [""] * len(across), dtype=object)
    found, first, number = np.unique(names.astype(str), return_index=True, return_counts=True)
    order = sorted(range(len(found)), key=lambda i: (-number[i], first[i]))
    shown = [found[i] for i in order[: len(SERIES)]]
    style: dict[str, Any] = {"s": 16, "alpha": 0.6, "linewidths": 0}
    rest = ~np.isin(names.astype(str), shown)
    if rest.any():
        axes.scatter(across[rest], up[rest], color=MUTED, label=f"other ({rest.sum()})", **style)
    for i, name in enumerate(shown):
        here = names.astype(str) == name
        axes.scatter(
            across[here], up[here], color=SERIES[i], label=legend_name(f"{short(name)} ({here.sum()})"), **style
        )
    if log:
        _logarithmic(axes, "x", "y")
    tidy(axes, grid="both", x_label=x_label, y_label=y_label)
    if kinds is not None:
        legend_above(axes)
    return description or f"Scatter of {y_label} against {x_label}, {len(across)} points"


@chart
def line_chart(
    figure: Figure,
    x: Sequence[float],
    lines: Mapping[str, Sequence[Interval]],
    *,
    x_label: str = "",
    y_label: str = "",
    description: str = "",
) -> str:
    """Draw lines with the band of each point's interval, such as a learning curve.

    Parameters
    ----------
    x
        m places.
    lines
        Name -> m intervals; NaN ends draw no band. At most six.
    """
    figure.set_size_inches(WIDTH, 3.2)
    axes = figure.add_subplot()
    for i, (name, points) in enumerate(lines.items()):
        colour = SERIES[i % len(SERIES)]
        table = np.array([p[:3] for p in points], dtype=np.float64).reshape(-1, 3)
        axes.fill_between(x, table[:, 1], table[:, 2], color=colour, alpha=0.15, linewidth=0)
        axes.plot(x, table[:, 0], "o-", color=colour, linewidth=1.8, markersize=4, label=legend_name(name))
    tidy(axes, grid="both", x_label=x_label, y_label=y_label)
    if len(lines) > 1:
        legend_above(axes)
    return description or f"{y_label} against {x_label} for {', '.join(lines)}"


@chart
def interval_plot(
    figure: Figure,
    labels: Sequence[str],
    series: Mapping[str, Sequence[Interval]],
    *,
    x_label: str = "",
    reference: Mapping[str, float] | None = None,
    limits: tuple[float, float] | None = (0.0, 1.0),
    description: str = "",
) -> str:
    """Draw a forest plot: an estimate and its interval for each series at each label.

    Parameters
    ----------
    labels
        One a row, the first on top.
    series
        Name -> one interval a label; NaN draws nothing. At most six.
    reference
        Name -> a value to mark by a dashed line.
    limits
        Ends of the axis; None fits them.
    """
    n, m = len(labels), len(series)
    figure.set_size_inches(WIDTH, 0.75 + n * (0.2 + 0.13 * m))
    axes = figure.add_subplot()
    for i, (name, intervals) in enumerate(series.items()):
        table = np.array([p[:3] for p in intervals], dtype=np.float64).reshape(-1, 3)
        places = np.arange(n) + (i - (m - 1) / 2) * 0.62 / max(m, 1)
        colour = SERIES[i % len(SERIES)]
        axes.hlines(places, table[:, 1], table[:, 2], color=colour, linewidth=2.2, alpha=0.55)
        axes.scatter(table[:, 0], places, s=30, color=colour, zorder=3, linewidths=0, label=legend_name(name))
    for name, value in (reference or {}).items():
        axes.axvline(value, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label=legend_name(name))
    _label_rows(axes, labels)
    if limits:
        axes.set_xlim(limits[0] - 0.01 * (limits[1] - limits[0]), limits[1] + 0.02 * (limits[1] - limits[0]))
    tidy(axes, x_label=x_label)
    if m > 1 or reference:
        legend_above(axes)
    return description or f"{x_label}: estimates with intervals for {n} labels"


@chart
def interval_bars(
    figure: Figure, labels: Sequence[str], intervals: Sequence[Interval], *, x_label: str = "", description: str = ""
) -> str:
    """Draw horizontal bars with the interval of each, such as the importance of features.

    Parameters
    ----------
    labels
        One a bar, the first on top.
    intervals
        One a label; NaN ends draw no whisker.
    """
    n = len(labels)
    figure.set_size_inches(WIDTH, 0.65 + 0.3 * n)
    axes = figure.add_subplot()
    table = np.array([p[:3] for p in intervals], dtype=np.float64).reshape(-1, 3)
    axes.barh(np.arange(n), table[:, 0], 0.62, color=ACCENT, alpha=0.75)
    axes.hlines(np.arange(n), table[:, 1], table[:, 2], color=INK, linewidth=1.4)
    for end in (1, 2):
        axes.scatter(table[:, end], np.arange(n), marker="|", s=36, color=INK, linewidths=1.4)
    axes.axvline(0, color=GRID, linewidth=1)
    _label_rows(axes, labels)
    tidy(axes, x_label=x_label)
    return description or f"{x_label}: bars with intervals for {n} labels"


def legend_above(axes: Axes) -> None:
    """Put the legend in a row above the axes, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    room = axes.figure.get_figure(root=True).get_figwidth() * 10.5  # characters
    columns = max(1, min(len(labels), int(room / (max(map(len, labels)) + 5))))
    axes.legend(
        handles, labels, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=columns, borderaxespad=0.2,
        handlelength=1.4, columnspacing=1.4, handletextpad=0.5,
    )  # fmt: skip


def legend_name(label: str) -> str:
    """Return a label as a legend holds it: short, and not left out."""
    shown = short(label, 36)
    return f"\u200b{shown}" if shown.startswith("_") else shown  # matplotlib leaves "_..." out of a legend


def _logarithmic(axes: Axes, *which: str) -> None:
    for name in which:
        (axes.set_xscale if name == "x" else axes.set_yscale)("log")
        axis = axes.xaxis if name == "x" else axes.yaxis
        axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=9))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def _label_rows(axes: Axes, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), [short(name) for name in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)


def _whole_numbers(axes: Axes, values: Sequence[float]) -> None:
    if all(float(v).is_integer() for v in values if math.isfinite(v)):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))


def _figure(value: float) -> str:
    return "" if not math.isfinite(value) else f"{int(value)}" if float(value).is_integer() else f"{value:.3g}"


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64).ravel()
    return numbers[np.isfinite(numbers)]


def _edges(values: NDArray[np.float64], bins: int, log_x: bool) -> NDArray[np.float64]:
    if not len(values):
        return np.linspace(0.1, 1, bins + 1)
    low, high = float(values.min()), float(values.max())
    if low == high:
        low, high = (low / 1.1, high * 1.1) if log_x else (low - 0.5, high + 0.5)
    return np.geomspace(low, high, bins + 1) if log_x else np.linspace(low, high, bins + 1)
