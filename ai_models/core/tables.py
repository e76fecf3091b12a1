"""Rows as CSV: UTF-8, a line feed after each, whatever the cells hold."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

__all__ = ["csv_bytes", "csv_lines"]


def csv_bytes(rows: Iterable[Sequence[object]]) -> bytes:
    """Return rows as the bytes of a CSV, equal for equal rows."""
    return b"".join(csv_lines(rows))


def csv_lines(rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    r"""Yield each row as a line of a CSV.

    A cell with ``\r`` alone is quoted as one with ``\n`` is; `csv.writer` quotes only what its line ending holds.
    """
    line = io.StringIO(newline="")
    writer = csv.writer(line, lineterminator="\r\n")
    for row in rows:
        line.seek(0)
        line.truncate()
        writer.writerow(row)
        text = line.getvalue().removesuffix("\r\n")
        yield f"{text}\n".encode("utf-8", "backslashreplace")
