"""The one look of every report: a self-contained HTML page, in light and dark, on screen and paper.

Its only script sorts tables. The page names that script's digest in its content security policy, so no other can run,
and loses nothing but the sorting where scripts are off.
"""

from __future__ import annotations

import base64
import hashlib
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from ai_models._version import __version__
from ai_models.core.paths import write_text
from ai_models.reporting.svg import display_text

__all__ = ["Cell", "GalleryItem", "Page", "Tone"]

Tone = Literal["", "good", "bad", "open"]
_NUMBER = re.compile(r"[-−+<>≤≥~±]?\s*[\d,.]+\s*(%|ms|s|px|MB|KB|GB)?(\s*[\[(±–-].*)?|–|")
_DATA_URI = re.compile(r"data:image/(webp|jpeg|png);base64,[A-Za-z0-9+/=]+")


@dataclass(frozen=True, slots=True)
class Cell:
    """A table's cell with a tone: ``good``, ``bad`` or ``open`` (undecided)."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class GalleryItem:
    """A picture with its lines.

    Attributes
    ----------
    image
        Data URI as `thumbnail` gives it; empty where there is no picture.
    title
        First line.
    lines
        The lines below.
    """

    image: str
    title: str
    lines: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.image:
            _data_uri(self.image)


@dataclass(frozen=True, slots=True)
class _Section:
    anchor: str
    title: str
    note: str
    parts: tuple[Markup, ...]


class Page:
    """A report being written: sections of text, tables, figures, galleries and tiles.

    Every text is escaped; only what this class and the charts return counts as markup.

    Parameters
    ----------
    title, subtitle
        Head of the page.
    language
        BCP 47 tag of the text, such as ``"en"`` or ``"th"``.

    Examples
    --------
    >>> page = Page("Dataset inspection", "amulets")
    >>> page.section("Classes", "Six classes.", page.table(["class", "images"], [["a", 20]]))
    >>> "Six classes." in page.html()
    True
    """

    def __init__(self, title: str, subtitle: str = "", *, language: str = "en") -> None:
        self.title = title
        self.subtitle = subtitle
        self.language = language
        self._sections: list[_Section] = []

    def section(self, title: str, *parts: str, note: str = "") -> None:
        """Add a section, which the contents list too.

        Parameters
        ----------
        title
            Its heading.
        parts
            What `table`, `figure`, `picture`, `pair`, `gallery`, `tiles`, `heading` return, or plain text, which
            becomes a paragraph. Empty ones are left out.
        note
            A quiet sentence below the heading: what is shown and how to read it.
        """
        made = tuple(
            part if isinstance(part, Markup) else _part("paragraph", display_text(part)) for part in parts if part
        )
        self._sections.append(_Section(f"s{len(self._sections) + 1}", display_text(title), display_text(note), made))

    @staticmethod
    def heading(text: str) -> Markup:
        """Return a heading inside a section."""
        return _part("heading", display_text(text))

    @staticmethod
    def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> Markup:
        """Return a table; columns that hold only numbers are aligned right.

        Parameters
        ----------
        header
            Names of the columns.
        rows
            Cells: text, numbers (floats with three decimals) or `Cell`.
        """
        cells = [[value if isinstance(value, Cell) else Cell(_text(value)) for value in row] for row in rows]
        for row in cells:
            if len(row) != len(header):
                raise ValueError(f"expected {len(header)} cells a row, got {len(row)}")
        numeric = [bool(cells) and all(_NUMBER.fullmatch(row[i].text) for row in cells) for i in range(len(header))]
        shown = [[(display_text(cell.text), cell.tone) for cell in row] for row in cells]
        return _part("table", [display_text(name) for name in header], shown, numeric)

    @staticmethod
    def figure(svg: Markup, caption: str = "") -> Markup:
        """Return a chart with its caption."""
        return _part("figure", _markup(svg), display_text(caption))

    @staticmethod
    def picture(image: str, alternative: str, caption: str = "") -> Markup:
        """Return a large picture with its caption.

        Parameters
        ----------
        image
            Data URI as `thumbnail` gives it.
        alternative
            What a screen reader says of it.
        """
        return _part("picture", _data_uri(image), display_text(alternative), display_text(caption))

    @staticmethod
    def pair(*figures: Markup) -> Markup:
        """Return figures side by side where there is room."""
        return _part("pair", [_markup(one) for one in figures])

    @staticmethod
    def gallery(items: Sequence[GalleryItem]) -> Markup:
        """Return pictures in a grid."""
        shown = [
            GalleryItem(item.image, display_text(item.title), tuple(display_text(line) for line in item.lines))
            for item in items
        ]
        return _part("gallery", shown)

    @staticmethod
    def tiles(items: Sequence[tuple[str, object, str]]) -> Markup:
        """Return figures to be seen first: (label, value, hint) each, the hint being an interval, say."""
        return _part("tiles", [tuple(display_text(_text(text)) for text in item) for item in items])

    def html(self) -> str:
        """Return the whole page."""
        return (
            _environment()
            .get_template("page.html")
            .render(
                script=_script(),
                script_digest=_digest(_script()),
                title=display_text(self.title),
                subtitle=display_text(self.subtitle),
                language=self.language,
                sections=self._sections,
                footer=f"Written by amulet-ai {__version__}. Nothing on this page is loaded from elsewhere.",
            )
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page as one file, atomically."""
        return write_text(path, self.html())


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    return environment


@cache
def _script() -> Markup:
    return Markup((Path(__file__).parent / "templates" / "sort.js").read_text(encoding="utf-8"))


def _digest(script: str) -> str:
    """Return the source expression that admits this inline script (Content Security Policy Level 3, 6.7.3)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _breakable(text: str) -> Markup:
    """Let long names break after an underscore."""
    return Markup("_<wbr>").join(escape(text).split("_"))


def _part(macro: str, *values: Any) -> Markup:
    module: Any = _environment().get_template("parts.html").module
    return Markup(getattr(module, macro)(*values))


def _markup(value: Markup) -> Markup:
    if not isinstance(value, Markup):
        raise TypeError(f"expected what a chart or a part of the page returns, got {type(value).__name__}")
    return value


def _data_uri(value: str) -> str:
    if not _DATA_URI.fullmatch(value):
        raise ValueError(f"expected an image's data URI, got {value[:40]!r}: make it with thumbnail()")
    return value


def _text(value: object) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.3f}"
    return str(value)
