"""Charts of a classifier's judgement: confusion matrix, reliability diagram, ROC curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from ai_models.metrics import ReliabilityBins, roc_curve
from ai_models.metrics.special import binomial_quantile
from ai_models.reporting.charts import HALF, WIDTH, legend_above, legend_name
from ai_models.reporting.svg import ACCENT, INK, MUTED, ON_ACCENT, PAPER, SERIES, chart, short, tidy

__all__ = ["confusion_matrix_chart", "reliability_diagram", "roc_curves"]


@chart
def confusion_matrix_chart(
    figure: Figure,
    matrix: NDArray[np.int64],
    classes: Sequence[str],
    *,
    objects: Sequence[int] | None = None,
    description: str = "",
) -> str:
    """Draw a confusion matrix: colour is the share of the row, the cell holds the share and the count.

    Parameters
    ----------
    matrix
        int (k, k), true classes in rows.
    classes
        k names.
    objects
        How many objects the images of each class show; told beside the images.
    """
    k = len(classes)
    side = min(0.62, max(0.26, 7.5 / max(k, 1)))
    figure.set_size_inches(min(WIDTH, 2.4 + k * side * 1.25), 1.5 + k * side)
    axes = figure.add_subplot()
    total = matrix.sum(axis=1, keepdims=True)
    share = np.divide(matrix, total, out=np.zeros(matrix.shape), where=total > 0)
    for i, j in np.ndindex(k, k):
        axes.add_patch(
            Rectangle((j - 0.48, i - 0.48), 0.96, 0.96, facecolor=ACCENT, alpha=0.04 + 0.9 * share[i, j], linewidth=0)
        )
        if matrix[i, j]:
            _cell_text(axes, (j, i), int(matrix[i, j]), float(share[i, j]), side)
    axes.set(xlim=(-0.5, k - 0.5), ylim=(k - 0.5, -0.5))
    names = [short(c, 18) for c in classes]
    slanted = k > 4 or max(map(len, names), default=0) > 9
    axes.set_xticks(range(k), names, color=INK)
    if slanted:  # anchored at its end, for a browser's font is not as wide as the one that this is laid out with
        for label in axes.get_xticklabels():
            label.set(rotation=90 if k > 14 else 35, ha="right", va="center", rotation_mode="anchor")
    shown = [str(n) for n in total[:, 0]]
    if objects is not None:
        shown = [f"{n} / {g}" for n, g in zip(shown, objects, strict=True)]
    axes.set_yticks(range(k), [f"{name} ({n})" for name, n in zip(names, shown, strict=True)])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true (images)" if objects is None else "true (images / objects)")
    return description or f"Confusion matrix of {k} classes, {int(matrix.sum())} images"


@chart
def reliability_diagram(
    figure: Figure, table: ReliabilityBins, *, level: float = 0.95, width: float = HALF, description: str = ""
) -> str:
    """Draw accuracy against confidence, with the images of each bin below.

    The grey band is where a perfectly calibrated model's accuracy falls with probability `level` in a bin of that
    many images (binomial): a dot inside it shows no fault.

    Parameters
    ----------
    table
        From `ai_models.metrics.reliability`.
    level
        Of the band.
    width
        Inches at 96 px.
    """
    figure.set_size_inches(width, 4.7)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.4, 1))
    held = np.flatnonzero(table.count > 0)
    for b in held:
        low, high = _binomial_band(float(table.confidence[b]), int(table.count[b]), level)
        axes.fill_between(table.edges[b : b + 2], low, high, color=MUTED, alpha=0.22, linewidth=0)
    axes.fill_between([], [], [], color=MUTED, alpha=0.22, linewidth=0, label=f"calibrated, {level:.0%} of the time")
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    size = 18 + 90 * np.sqrt(table.count[held] / max(int(table.count.max()), 1))
    axes.scatter(
        table.confidence[held],
        table.accuracy[held],
        s=size,
        color=ACCENT,
        zorder=3,
        edgecolors=PAPER,
        label="this model",
    )
    start = float(table.edges[held[0]]) if len(held) else 0.0
    axes.set(xlim=(max(0.0, start - 0.03), 1.02), ylim=(-0.03, 1.03))
    tidy(axes, grid="both", y_label="share right")
    legend_above(axes)
    below.bar(table.edges[:-1], table.count, np.diff(table.edges) * 0.92, align="edge", color=ACCENT, alpha=0.7)
    for b in held:
        middle = (table.edges[b] + table.edges[b + 1]) / 2
        below.annotate(
            str(table.count[b]), (middle, table.count[b]), xytext=(0, 2), textcoords="offset points",
            ha="center", fontsize=9, color=MUTED,
        )  # fmt: skip
    below.margins(y=0.25)
    below.set_yticks([])
    tidy(below, x_label="confidence", y_label="images")
    return description or f"Reliability diagram over {int(table.count.sum())} images"


@chart
def roc_curves(
    figure: Figure,
    inside: ArrayLike,
    outside: Mapping[str, ArrayLike],
    *,
    labels: Mapping[str, str] | None = None,
    alpha: float | None = None,
    width: float = HALF,
    description: str = "",
) -> str:
    """Draw the ROC curve of a detection score for each set of foreign things.

    Parameters
    ----------
    inside
        Scores of known things (n,).
    outside
        Name -> scores of foreign ones; at most six.
    labels
        Name -> text of the legend, such as one with the area.
    alpha
        Stated false-alarm rate, marked by a dashed line.
    width
        Inches at 96 px.
    """
    figure.set_size_inches(width, 4.2)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (1, 3)))
    if alpha is not None:
        axes.axvline(alpha, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label=f"stated false alarms {alpha:g}")
    for i, (name, scores) in enumerate(outside.items()):
        fpr, tpr = roc_curve(np.asarray(inside, dtype=np.float64), np.asarray(scores, dtype=np.float64))
        text = legend_name((labels or {}).get(name, name))
        axes.step(fpr, tpr, where="post", color=SERIES[i % len(SERIES)], linewidth=1.9, label=text)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    tidy(axes, grid="both", x_label="known images called foreign", y_label="foreign images found")
    legend_above(axes)
    return description or f"ROC curves of {', '.join(outside)}"


def _cell_text(axes: Axes, place: tuple[int, int], count: int, share: float, side: float) -> None:
    colour = ON_ACCENT if share > 0.55 else INK
    if side < 0.42:
        axes.text(*place, str(count), ha="center", va="center", fontsize=9, color=colour)
        return
    x, y = place
    axes.text(x, y - 0.12, f"{share:.0%}", ha="center", va="center", fontsize=10, color=colour)
    axes.text(x, y + 0.24, str(count), ha="center", va="center", fontsize=9, color=colour, alpha=0.85)


def _binomial_band(p: float, n: int, level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    return binomial_quantile(tail, n, p) / n, binomial_quantile(1 - tail, n, p) / n
