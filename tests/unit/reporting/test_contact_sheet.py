"""Pictures where they belong, words that the font can draw, equal bytes for equal arguments."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from ai_models.reporting.contact_sheet import SheetCell, contact_sheet

RED = np.full((64, 128, 3), (200, 0, 0), np.uint8)
BLUE = np.full((512, 256, 3), (0, 0, 200), np.uint8)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_pictures_stand_in_their_cells_reduced_and_never_enlarged() -> None:
    sheet = pixels(contact_sheet([[SheetCell(RED), SheetCell(BLUE)], [SheetCell(RED)]]))
    assert sheet.shape == (8 + 2 * (128 + 39 + 8), 8 + 2 * 136, 3)
    red, blue = (sheet == (200, 0, 0)).all(axis=2), (sheet == (0, 0, 200)).all(axis=2)
    assert red.sum() == 2 * 64 * 128
    assert red[8 + 32 : 8 + 96, 8:136].all()
    assert blue.sum() == 64 * 128
    assert blue[8:136, 8 + 136 + 32 : 8 + 136 + 96].all()


def test_words_are_written_below_their_picture() -> None:
    bare, named = (pixels(contact_sheet([[SheetCell(RED, words)]])) for words in ((), ("rotate", "noise")))
    changed = np.flatnonzero((bare != named).any(axis=(1, 2)))
    assert changed.min() > 8 + 128
    assert changed.max() < 8 + 128 + 13 + 4  # both fit one line


def test_too_many_words_end_in_dots_inside_the_sheet() -> None:
    long = pixels(contact_sheet([[SheetCell(RED, tuple(f"transform{i}" for i in range(40)))]]))
    assert (long[:, -8:] == 255).all()
    assert (long[-6:] == 255).all()
    one = pixels(contact_sheet([[SheetCell(RED, ("x" * 300,))]]))
    assert (one[:, -8:] == 255).all()
    assert (one != long).any()


def test_a_text_that_the_font_lacks_is_left_out() -> None:
    assert contact_sheet([[SheetCell(RED, ("พระ.jpg",))]], title="พระสมเด็จ") == contact_sheet([[SheetCell(RED)]])
    assert contact_sheet([[SheetCell(RED)]], title="plain") != contact_sheet([[SheetCell(RED)]])


def test_equal_bytes_for_equal_arguments() -> None:
    rows = [[SheetCell(RED, ("a.jpg",)), SheetCell(BLUE, ("noise",))]]
    assert contact_sheet(rows, title="t") == contact_sheet(rows, title="t")
