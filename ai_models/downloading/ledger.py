"""``provenance.csv``: where every file comes from and what became of every row of the list.

While a run goes on each finished row is appended with one write, so that a run that is killed loses no more than what
was under way; a torn last row is left out when the ledger is read. At the end the whole is written anew, in the order
of the list, and so is equal for any number of workers but for times.
"""

from __future__ import annotations

import csv
import io
import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from ai_models.core.errors import DataError, OutputError
from ai_models.core.paths import write_bytes
from ai_models.core.tables import csv_bytes
from ai_models.downloading.listing import Entry, class_fault
from ai_models.downloading.outcome import VERDICTS, Outcome

__all__ = ["LEDGER", "Ledger", "Record", "file_name"]

LEDGER = "provenance.csv"
ENDINGS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "TIFF": ".tif", "GIF": ".gif"}
"""Format -> the ending of its files."""
_FIRST = ("url", "class", "source", "file", "sha256", "bytes", "format", "width", "height")
_SECOND = ("final_url", "status", "content_type", "fetched_at", "attempts", "conflict")
_LAST = ("detail", "verdict")  # the verdict ends a row: with it the row is whole


@dataclass(frozen=True, slots=True)
class Record:
    """A row of the ledger.

    Attributes
    ----------
    url, label, extra
        The row of the list.
    source
        Where the list comes from.
    file
        POSIX path below the output folder; empty where nothing was kept.
    sha256, bytes, format, width, height
        Of what came; width and height in pixels after the EXIF turn.
    final_url, status, content_type
        After redirects; the status is 0 where there was none, the type is the server's claim.
    fetched_at
        UTC, ISO 8601.
    attempts
        Requests of the run that brought this row.
    conflict
        The other classes under which equal bytes stand, joined by ``|``.
    verdict, detail
        ``ok``, or why nothing was kept.
    """

    url: str
    label: str
    extra: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    file: str = ""
    sha256: str = ""
    bytes: int = 0
    format: str = ""
    width: int = 0
    height: int = 0
    final_url: str = ""
    status: int = 0
    content_type: str = ""
    fetched_at: str = ""
    attempts: int = 0
    conflict: str = ""
    detail: str = ""
    verdict: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """The row of the list that this is about."""
        return self.url, self.label

    @property
    def ok(self) -> bool:
        """Whether a file was kept."""
        return self.verdict == Outcome.OK


def file_name(label: str, sha256: str, kind: str) -> str:
    """Return the path below the output folder: equal bytes of a class are one file, whatever their addresses."""
    return f"{label}/{sha256[:16]}{ENDINGS[kind]}"


class Ledger:
    """The rows of an output folder, old and new.

    Parameters
    ----------
    folder
        The output folder.
    entries
        The list as it is now; its further columns become the ledger's.

    Raises
    ------
    DataError
        When the file there is no ledger.
    """

    def __init__(self, folder: Path, entries: Sequence[Entry]) -> None:
        self.path = folder / LEDGER
        self._order = {entry.key: entry.extra for entry in entries}
        self._records = {r.key: r for r in _read(self.path)} if self.path.exists() else {}
        every = [*(e.extra for e in entries), *(r.extra for r in self._records.values())]
        self._columns = list(dict.fromkeys(name for extra in every for name in extra))
        self._lock = threading.Lock()
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        self.rewrite()  # without a torn row, and with the columns that this run writes
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None

    def get(self, entry: Entry) -> Record | None:
        """Return what is known of a row of the list."""
        return self._records.get(entry.key)

    def append(self, record: Record) -> None:
        """Write a row down; nothing once the ledger is closed.

        Raises
        ------
        OutputError
            When it cannot be written.
        """
        with self._lock:
            if self._descriptor is None:
                return
            known = self._records.get(record.key)
            record = _with(record, {**(known.extra if known else {}), **record.extra})
            line = csv_bytes([self._cells(record)])
            try:
                if os.write(self._descriptor, line) != len(line):
                    raise OSError("the disk is full")
            except OSError as error:
                raise OutputError(f"cannot write '{self.path}' ({error}): free some space and run again") from error
            self._records[record.key] = record

    def rewrite(self) -> list[Record]:
        """Write all rows anew, those of the list first and in its order, with the conflicts among them; return them."""
        mine = [_with(self._records[k], extra) for k, extra in self._order.items() if k in self._records]
        others = [r for k, r in self._records.items() if k not in self._order]
        records = with_conflicts([*mine, *others])
        header = [*_FIRST, *_SECOND, *(_spelled(name) for name in self._columns), *_LAST]
        write_bytes(self.path, csv_bytes([header, *map(self._cells, records)]))
        return records

    def _cells(self, record: Record) -> list[object]:
        named = [record.url, record.label, *(getattr(record, name) for name in (*_FIRST[2:], *_SECOND))]
        own = (record.extra.get(name, "") for name in self._columns)
        return [*named, *own, *(getattr(record, name) for name in _LAST)]


def with_conflicts(records: Iterable[Record]) -> list[Record]:
    """Return the rows with `conflict` filled: equal bytes that stand under more than one class."""
    records = list(records)
    classes: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.ok:
            classes[record.sha256].add(record.label)
    return [replace(r, conflict="|".join(sorted(classes[r.sha256] - {r.label})) if r.ok else "") for r in records]


def _with(record: Record, extra: Mapping[str, str]) -> Record:
    """Return a row with the list's further columns as they are now; those that the list has no longer stay."""
    return replace(record, extra={**record.extra, **extra})


def _spelled(column: str) -> str:
    """Return the ledger's name of a user's column, with ``csv_`` before it where the ledger has that name itself."""
    return f"csv_{column}" if column in (*_FIRST, *_SECOND, *_LAST) or column.startswith("csv_") else column


def _read(path: Path) -> list[Record]:
    """Return the whole rows of a ledger, the last one of each row of the list."""
    try:
        text = path.read_bytes().decode("utf-8", "replace")
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise _foreign(path) from error
    header = rows[0] if rows else []
    own = header[len(_FIRST) + len(_SECOND) : -len(_LAST)]
    if header != [*_FIRST, *_SECOND, *own, *_LAST]:
        raise _foreign(path)
    whole = rows[1:] if text.endswith("\n") else rows[1:-1]
    return [_record(dict(zip(header, r, strict=True)), own) for r in whole if len(r) == len(header) and _sound(r)]


def _sound(cells: list[str]) -> bool:
    numbers = (cells[(*_FIRST, *_SECOND).index(name)] for name in ("bytes", "width", "height", "status", "attempts"))
    return cells[-1] in VERDICTS and not class_fault(cells[1]) and all(n.isascii() and n.isdigit() for n in numbers)


def _record(row: dict[str, str], own: list[str]) -> Record:
    extra = {name.removeprefix("csv_"): row[name] for name in own}
    values = {name: row[name] for name in (*_FIRST, *_SECOND, *_LAST) if name != "class"}
    numbers = {name: int(values.pop(name)) for name in ("bytes", "width", "height", "status", "attempts")}
    return Record(label=row["class"], extra=extra, **values, **numbers)  # type: ignore[arg-type]


def _foreign(path: Path) -> DataError:
    return DataError(f"'{path}' must be a ledger of this command, but has other columns: choose another --output-dir")
