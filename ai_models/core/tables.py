"""Rows as CSV: UTF-8, a line feed after each, whatever the cells hold."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

__all__ = ["csv_bytes"]


def csv_bytes(rows: Iterable[Sequence[object]]) -> bytes:
    r"""Return rows as the bytes of a CSV, equal for equal rows.

    A cell with ``\r`` alone is quoted as one with ``\n`` is; `csv.writer` quotes only what its line ending holds.
    """
    line = io.StringIO(newline="")
    writer = csv.writer(line, lineterminator="\r\n")
    lines = []
    for row in rows:
        line.seek(0)
        line.truncate()
        writer.writerow(row)
        lines.append(line.getvalue().removesuffix("\r\n"))
    return "".join(f"{text}\n" for text in lines).encode("utf-8", "backslashreplace")
