"""From a matplotlib figure to SVG that stands inside a page: text stays text, colours follow light and dark."""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Literal, ParamSpec
from xml.etree import ElementTree

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["ACCENT", "GRID", "INK", "MUTED", "ON_ACCENT", "PAPER", "SERIES", "chart", "display_text", "short", "tidy"]

# What matplotlib draws with, and the custom property of the page that takes its place. The series are Okabe and
# Ito's colour-blind-safe set (jfly.uni-koeln.de/color), the accent its vermilion, a little darker.
INK, MUTED, GRID, PAPER, ON_ACCENT = "#1f2328", "#667079", "#e2e5e9", "#fffffe", "#fffffd"
ACCENT = "#c2540a"
SERIES = (ACCENT, "#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
_PROPERTIES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    PAPER: "--paper",
    ON_ACCENT: "--on-accent",
    **{colour: f"--series-{i}" for i, colour in enumerate(SERIES, start=1)},
}
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "amulet-ai",
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.grid": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "legend.labelcolor": INK,
    "path.simplify": False,
}
_COLOUR = re.compile(r"(fill|stroke): (#[0-9a-f]{6})")
_SHORTHAND = re.compile(r"font: ((?:(?:normal|italic|oblique|bold|\d{3}) )*)([\d.]+px) [^;]*")
_FAMILY = re.compile(r"font-family: [^;]*;? ?")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")

P = ParamSpec("P")


def chart(draw: Callable[Concatenate[Figure, P], str]) -> Callable[P, Markup]:
    """Turn a function that draws on a figure and returns its description into one that returns inline SVG.

    The figure is made and written under this module's style alone; matplotlib's own settings are left as they were.
    """

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Markup:
        with mpl.rc_context(), warnings.catch_warnings():
            mpl.rcdefaults()
            mpl.rcParams.update(_STYLE)
            # The browser has the glyphs (Thai, say) that the font which lays the chart out may lack.
            warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from", category=UserWarning)
            figure = Figure(layout="constrained")
            description = draw(figure, *args, **kwargs)
            stream = io.StringIO()
            figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
        return _inline(stream.getvalue(), description)

    return drawn


def display_text(text: str) -> str:
    r"""Return text that XML and HTML can hold: undecodable bytes as ``\xNN``, control characters as U+FFFD.

    Applying it again changes nothing.
    """
    return "".join(_displayed(c) for c in text)


def short(text: str, most: int = 26) -> str:
    """Return a label of at most `most` characters, its middle left out where it is longer."""
    shown = display_text(text)
    if len(shown) <= most:
        return shown
    head = (most - 1) * 2 // 3
    tail = len(shown) - (most - 1 - head)
    while head > 1 and _continues(shown[head]):
        head -= 1
    while tail < len(shown) - 1 and _continues(shown[tail]):
        tail += 1
    return f"{shown[:head]}…{shown[tail:]}"


def tidy(axes: Axes, *, grid: Literal["x", "y", "both"] = "x", x_label: str = "", y_label: str = "") -> None:
    """Give axes the common look: a light grid along one axis, labels, no heavy frame."""
    axes.grid(visible=True, axis=grid)
    axes.spines["left"].set_visible(grid != "x")
    if x_label:
        axes.set_xlabel(display_text(x_label))
    if y_label:
        axes.set_ylabel(display_text(y_label))


def _continues(c: str) -> bool:
    """Say whether a character hangs on the one before it, as Thai vowels and tone marks do."""
    return c == "\u0e33" or unicodedata.category(c) in {"Mn", "Mc"}


def _displayed(c: str) -> str:
    if 0xDC80 <= ord(c) <= 0xDCFF:  # a byte that os.fsdecode could not decode
        return f"\\x{ord(c) - 0xDC00:02x}"
    if c in "\n\t":
        return " "
    return "\ufffd" if c in "\ufffe\uffff" or unicodedata.category(c) in {"Cc", "Cs"} else c


def _inline(svg: str, description: str) -> Markup:
    root = ElementTree.fromstring(svg)
    prefix = "c" + hashlib.sha256(svg.encode()).hexdigest()[:10] + "-"
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style")):
                parent.remove(child)
    wanted = {name for element in root.iter() for name in _references(element)}
    for element in root.iter():
        _clean(element, prefix, wanted)
    _, _, width, height = (float(v) for v in root.get("viewBox", "0 0 1 1").split())
    root.attrib = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": root.get("viewBox", ""),
        "role": "img",
        "aria-label": display_text(description),
        "class": "chart",
        "style": f"--chart-width: {width * 4 / 3:.0f}px; aspect-ratio: {width:g} / {height:g}",
    }
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # our own tree, escaped by its writer


def _references(element: ElementTree.Element) -> list[str]:
    names = [m for value in element.attrib.values() for m in _REFERENCE.findall(value)]
    return names + [v[1:] for k, v in element.attrib.items() if k.endswith("href") and v.startswith("#")]


def _clean(element: ElementTree.Element, prefix: str, wanted: set[str]) -> None:
    element.tag = element.tag.rpartition("}")[2]
    attributes: dict[str, str] = {}
    for key, value in element.attrib.items():
        name = key.rpartition("}")[2]
        if name == "id":
            if value in wanted:
                attributes["id"] = prefix + value
        elif name == "href":
            attributes["href"] = "#" + prefix + value[1:]
        elif name == "style":
            attributes["style"] = _themed(value)
        else:
            attributes[name] = _REFERENCE.sub(lambda m: f"url(#{prefix}{m[1]})", value)
    element.attrib = attributes
    if element.tag == "text":
        element.attrib["style"] = element.attrib.get("style", "").strip()


def _themed(style: str) -> str:
    style = _FAMILY.sub("", _SHORTHAND.sub(_longhand, style))
    return _COLOUR.sub(lambda m: f"{m[1]}: var({_PROPERTIES[m[2]]}, {m[2]})" if m[2] in _PROPERTIES else m[0], style)


def _longhand(match: re.Match[str]) -> str:
    weight = "; ".join(f"font-weight: {w}" for w in match[1].split() if w == "bold" or w.isdigit())
    return f"font-size: {match[2]}" + (f"; {weight}" if weight else "")
