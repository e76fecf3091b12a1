"""Contact sheets of the copies: one PNG a class, so that one can look at what will be taught."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from ai_models.augmentation.copying import safe_name
from ai_models.core.folders import NOT_PHOTOGRAPHS
from ai_models.core.images import read_image
from ai_models.core.records import ImageRecord, Manifest
from ai_models.execution import map_ordered
from ai_models.reporting.contact_sheet import SheetCell, contact_sheet

__all__ = ["SHEETS_FOLDER", "sheet_files", "write_sheets"]

SHEETS_FOLDER = "contact_sheets"
MOST_PARENTS = 8
MOST_COPIES = 6
_READ_SIDE = 256  # the JPEG decoder reduces while it reads


def sheet_files(labels: Iterable[str]) -> list[str]:
    """Return the paths, below the output folder, of what is written for these classes."""
    named = [f"{SHEETS_FOLDER}/{_file_name(label)}" for label in sorted(set(labels))]
    return [*named, f"{SHEETS_FOLDER}/{NOT_PHOTOGRAPHS}"] if named else []


def write_sheets(manifest: Manifest, *, workers: int) -> None:
    """Draw at most eight photographs of each class that has copies, with at most six copies each.

    The folder also gets a file that tells every scan of ours that its pictures are no photographs.
    """
    classes = sorted({row.label for row in manifest.copies()})
    if not classes:
        return
    folder = manifest.root / SHEETS_FOLDER
    folder.mkdir(exist_ok=True)
    with (folder / NOT_PHOTOGRAPHS).open("xb"):
        pass
    sheets = map_ordered(lambda label: _sheet(manifest, label), classes, workers=workers)
    for label, data in zip(classes, sheets, strict=True):
        with (folder / _file_name(label)).open("xb") as file:  # never over a file that is not ours
            file.write(data)


def _sheet(manifest: Manifest, label: str) -> bytes:
    copies: dict[str, list[ImageRecord]] = {}
    for row in manifest.copies():
        if row.label == label:
            copies.setdefault(row.source_id, []).append(row)
    shown = sorted(copies.items())[:MOST_PARENTS]
    rows = [
        [
            _cell(manifest.root, parent, (Path(parent).name,)),
            *(_cell(manifest.root, c.path, tuple(c.extra["transforms"].split("+"))) for c in made[:MOST_COPIES]),
        ]
        for parent, made in shown
    ]
    return contact_sheet(rows, title=label)


def _cell(root: Path, path: str, words: tuple[str, ...]) -> SheetCell:
    return SheetCell(read_image(root / path, size=_READ_SIDE), words)


def _file_name(label: str) -> str:
    """Return a name that every system takes; a class whose name had to be changed gets a mark of its own."""
    name = safe_name(label, 150)
    mark = hashlib.sha256(label.encode("utf-8", "surrogateescape")).hexdigest()[:10]
    return f"{name}.png" if name == label else f"{name}__{mark}.png"
