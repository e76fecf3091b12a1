"""A contact sheet: each photograph on the left, its changed copies beside it, what was done written below."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from ai_models.core.images import RGBImage

__all__ = ["SheetCell", "contact_sheet"]

_SIDE = 128
_GAP = 8
_LINE = 13
_TEXT_SIZE = 10
_LINES = 3
_PAPER, _INK, _MUTED = "#ffffff", "#1f2328", "#667079"


@dataclass(frozen=True, slots=True)
class SheetCell:
    """One picture of a sheet.

    Attributes
    ----------
    image
        uint8 (h, w, 3), RGB; reduced to 128 pixels, never enlarged.
    words
        What is written below, one after another, wrapped to at most three lines.
    """

    image: RGBImage
    words: tuple[str, ...] = ()


def contact_sheet(rows: Sequence[Sequence[SheetCell]], title: str = "") -> bytes:
    """Return a PNG of rows of pictures, the first of each row being the photograph.

    The font that Pillow carries has Latin letters alone: a text with others is left out, never drawn as boxes.

    Parameters
    ----------
    rows
        One row a photograph, at least one, each with at least one cell.
    title
        Written above; left out where the font lacks a letter of it.

    Returns
    -------
    bytes
        A PNG file, equal for equal arguments.
    """
    columns = max(len(row) for row in rows)
    head = _GAP + (_LINE + _GAP if _drawable(title) else 0)
    tall = _SIDE + _LINES * _LINE + _GAP
    sheet = Image.new("RGB", (_GAP + columns * (_SIDE + _GAP), head + len(rows) * tall), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT_SIZE)
    if _drawable(title):
        draw.text((_GAP, _GAP), _fitted(draw, font, title, sheet.width - 2 * _GAP), fill=_INK, font=font)
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            left, top = _GAP + c * (_SIDE + _GAP), head + r * tall
            picture = _reduced(cell.image)
            sheet.paste(picture, (left + (_SIDE - picture.width) // 2, top + (_SIDE - picture.height) // 2))
            for number, line in enumerate(_wrapped(draw, font, cell.words)):
                draw.text((left, top + _SIDE + 1 + number * _LINE), line, fill=_INK if c == 0 else _MUTED, font=font)
    stream = io.BytesIO()
    sheet.save(stream, "PNG", optimize=False)
    return stream.getvalue()


def _reduced(image: RGBImage) -> Image.Image:
    picture = Image.fromarray(image)
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    return picture


def _drawable(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable()


_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def _wrapped(draw: ImageDraw.ImageDraw, font: _Font, words: tuple[str, ...]) -> list[str]:
    """Fill lines of the picture's width; what no longer fits ends in three dots."""
    lines: list[str] = []
    for word in filter(_drawable, words):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and draw.textlength(longer, font=font) <= _SIDE:
            lines[-1] = longer
        else:
            lines.append(_fitted(draw, font, word, _SIDE))
    if len(lines) > _LINES:
        lines[_LINES - 1] = _fitted(draw, font, f"{lines[_LINES - 1]} ...", _SIDE)
    return lines[:_LINES]


def _fitted(draw: ImageDraw.ImageDraw, font: _Font, text: str, width: int) -> str:
    if draw.textlength(text, font=font) <= width:
        return text
    kept = len(text)  # letters of both ends together: numbered files differ at their end
    while kept > 0 and draw.textlength(_shortened(text, kept), font=font) > width:
        kept -= 1
    return _shortened(text, kept)


def _shortened(text: str, kept: int) -> str:
    return f"{text[: (kept + 1) // 2]}...{text[len(text) - kept // 2 :]}"
