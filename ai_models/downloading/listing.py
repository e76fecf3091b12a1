"""The list: a CSV with the columns ``url`` and ``class``, checked before anything is asked."""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ai_models.core.errors import DataError, ImageError
from ai_models.core.images import read_bytes

__all__ = ["Entry", "class_fault", "read_list"]

_NEEDED = ("url", "class")
_SHOWN = 5
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\<>:"|?*]')
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_OURS = "provenance.csv"


class Entry(NamedTuple):
    """A row of the list: what is asked, its class, and the user's further columns."""

    url: str
    label: str
    extra: Mapping[str, str]

    @property
    def key(self) -> tuple[str, str]:
        """What makes two rows the same row."""
        return self.url, self.label


def class_fault(name: str) -> str:
    """Return why a class cannot be the name of a folder on every file system, or ``""``."""
    if not name:
        return "is empty"
    if _UNSAFE.search(name) or name.startswith(".") or name.endswith("."):
        return "is no safe name of a folder"
    if _DEVICE.fullmatch(name) or name.casefold() == _OURS:
        return "is a reserved name"
    if len(name.encode("utf-8", "surrogatepass")) > 200:
        return "is longer than 200 bytes"
    return ""


def read_list(path: str | os.PathLike[str]) -> list[Entry]:
    """Read the list; a row that stands there twice counts once.

    Parameters
    ----------
    path
        UTF-8 CSV with a header. Columns beside ``url`` and ``class`` are carried into the ledger.

    Raises
    ------
    DataError
        When it is no such table, has no row, or a class that cannot be a folder; names the lines.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"'{path}' must be UTF-8, but is not at byte {error.start}: save it as CSV UTF-8") from error
    except ImageError as error:
        raise DataError(f"the list '{path}' cannot be read ({error.detail}): check the path") from error
    try:
        rows = list(_rows(csv.reader(io.StringIO(text, newline=""), strict=True), Path(path)))
    except csv.Error as error:
        raise DataError(f"'{path}' is no CSV ({error}): quote cells that hold commas or quotes") from error
    if not rows:
        raise DataError(f"'{path}' has no row: write one line 'address,class' for each image below the header")
    _refuse(((line, f"class '{e.label}' {fault}") for line, e in rows if (fault := class_fault(e.label))), path)
    _refuse(((line, "no url") for line, e in rows if not e.url), path)
    _refuse(_alike(rows), path)
    return list({entry.key: entry for _, entry in rows}.values())


def _rows(reader: Iterator[list[str]], path: Path) -> Iterator[tuple[int, Entry]]:
    header = [name.strip() for name in next(reader, [])]
    missing = [name for name in _NEEDED if name not in header]
    if missing or len(set(header)) != len(header):
        fault = f"lacks {' and '.join(missing)}" if missing else "names a column twice"
        raise DataError(f"'{path}' must begin with the header 'url,class', but its first line {fault}: mend that line")
    for cells in reader:
        line: int = reader.line_num  # type: ignore[attr-defined]  # csv.reader's own
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise DataError(
                f"'{path}' line {line} has {len(cells)} cells where the header has {len(header)}: "
                "quote cells that hold commas"
            )
        row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
        yield line, Entry(row.pop("url"), row.pop("class"), row)


def _alike(rows: Iterable[tuple[int, Entry]]) -> Iterator[tuple[int, str]]:
    """Yield rows whose class is another's but for case or the way accents are coded: one folder on some systems."""
    first: dict[str, str] = {}
    for line, entry in rows:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", entry.label).casefold())
        if first.setdefault(folded, entry.label) != entry.label:
            yield line, f"class '{entry.label}' differs from '{first[folded]}' only in case or in how it is coded"


def _refuse(faults: Iterable[tuple[int, str]], path: str | os.PathLike[str]) -> None:
    found = list(faults)
    if found:
        shown = "; ".join(f"line {line}: {what}" for line, what in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise DataError(f"'{path}' cannot be used ({shown}{more}): mend these lines, nothing was asked")
