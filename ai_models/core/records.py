"""The manifest: one row an image, with what keeps copies of one object together."""

from __future__ import annotations

import csv
import io
import math
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import DataError
from ai_models.core.optional import require
from ai_models.core.paths import atomic_write, from_text, to_text, write_bytes
from ai_models.core.tables import csv_lines

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "ImageRecord", "Manifest", "Split", "read_groups_csv"]


class Split(StrEnum):
    """Where a row stands. Only `TRAIN` rows are ever fitted on."""

    UNASSIGNED = ""
    TRAIN = "train"
    VAL = "val"
    TEST = "test"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image of a data set.

    Attributes
    ----------
    path
        POSIX path relative to the data set's root, as `os.fsdecode` gives it.
    label
        Class name; empty where it is not known.
    sha256
        Hex digest of the file's bytes.
    width, height
        Pixels, after the EXIF turn; 0 where the image cannot be decoded.
    group
        The physical object; rows of one group never stand on two sides of a split.
    source_id
        `path` of the photograph that this row is an augmented copy of; empty for a photograph.
    split
        Where the row stands.
    fold
        Fold number from 0 among training rows, -1 elsewhere.
    extra
        The user's own columns.
    """

    path: str
    label: str = ""
    sha256: str = ""
    width: int = 0
    height: int = 0
    group: str = ""
    source_id: str = ""
    split: Split = Split.UNASSIGNED
    fold: int = -1
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def is_copy(self) -> bool:
        """Whether this row is an augmented copy of another."""
        return bool(self.source_id)


COLUMNS = tuple(f.name for f in fields(ImageRecord) if f.name != "extra")
_INTEGERS = {"width": 0, "height": 0, "fold": -1}
"""Columns of whole numbers -> the least value, which is also that of an empty cell."""


@dataclass(frozen=True)
class Manifest:
    """The typed table of a data set.

    Parameters
    ----------
    root
        Folder that the paths are relative to.
    records
        The rows, in a stable order.

    Raises
    ------
    DataError
        When two rows name one path, a copy's parent is missing, or a copy does not stand with its parent
        (group, split and fold), so that no code behind this type can score a copy or let one cross.
    """

    root: Path
    records: tuple[ImageRecord, ...]

    def __post_init__(self) -> None:
        by_path = {r.path: r for r in self.records}
        if len(by_path) != len(self.records):
            twice = next(path for path, n in Counter(r.path for r in self.records).items() if n > 1)
            raise DataError(f"manifest names '{twice}' more than once: keep one row for each image")
        for row in self.records:
            if not row.source_id:
                continue
            parent = by_path.get(row.source_id)
            if parent is None:
                raise DataError(f"'{row.path}' is a copy of '{row.source_id}', which the manifest lacks: add that row")
            if parent.source_id:
                raise DataError(f"'{row.path}' is a copy of the copy '{parent.path}': name the photograph instead")
            if (row.label, row.group, row.split, row.fold) != (parent.label, parent.group, parent.split, parent.fold):
                raise DataError(
                    f"'{row.path}' does not stand where its parent '{parent.path}' stands "
                    "(label, group, split, fold must be equal): split again, copies follow their parents"
                )

    # -- looking ---------------------------------------------------------------------------------------
    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[ImageRecord]:
        return iter(self.records)

    @property
    def files(self) -> list[Path]:
        """Absolute path of each row."""
        return [self.root / r.path for r in self.records]

    @property
    def labels(self) -> NDArray[np.str_]:
        """Class name of each row, shape (n,)."""
        return np.array([r.label for r in self.records], dtype=np.str_)

    @property
    def groups(self) -> NDArray[np.str_]:
        """Group of each row, shape (n,); a photograph without one is a group of its own, with its copies."""
        return np.array([r.group or f"\x00{r.source_id or r.path}" for r in self.records], dtype=np.str_)

    @property
    def folds(self) -> NDArray[np.int64]:
        """Fold of each row, shape (n,), -1 outside training."""
        return np.array([r.fold for r in self.records], dtype=np.int64)

    @property
    def classes(self) -> list[str]:
        """Class names in sorted order, without the unlabelled and the excluded."""
        return sorted({r.label for r in self.records if r.label and r.split is not Split.EXCLUDED})

    @property
    def is_split(self) -> bool:
        """Whether any row has a side."""
        return any(r.split in (Split.TRAIN, Split.VAL, Split.TEST) for r in self.records)

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return for each class how many photographs and how many groups it has (copies not counted)."""
        photographs = self.originals()
        groups = photographs.groups
        labels = photographs.labels
        return {c: (int((labels == c).sum()), len(set(groups[labels == c].tolist()))) for c in photographs.classes}

    # -- choosing --------------------------------------------------------------------------------------
    def where(self, keep: Callable[[ImageRecord], bool]) -> Manifest:
        """Return the rows for which `keep` is true; a copy goes with its parent."""
        kept = {r.path for r in self.records if keep(r)}
        rows = tuple(r for r in self.records if r.path in kept and (not r.source_id or r.source_id in kept))
        return replace(self, records=rows)

    def on(self, *sides: Split) -> Manifest:
        """Return the rows that stand on one of the sides."""
        return self.where(lambda r: r.split in sides)

    def originals(self) -> Manifest:
        """Return the photographs, without augmented copies."""
        return self.where(lambda r: not r.source_id)

    def copies(self) -> tuple[ImageRecord, ...]:
        """Return the augmented copies."""
        return tuple(r for r in self.records if r.source_id)

    def map(self, change: Callable[[ImageRecord], ImageRecord]) -> Manifest:
        """Return the manifest with each row changed."""
        return replace(self, records=tuple(change(r) for r in self.records))

    # -- files -----------------------------------------------------------------------------------------
    def to_frame(self) -> pd.DataFrame:
        """Return the rows as a pandas frame, one column each, the user's own last."""
        pandas = require("pandas", extra="train", purpose="a manifest as a frame")
        frame: pd.DataFrame = pandas.DataFrame(list(self._rows()), columns=[*COLUMNS, *self._extras()])
        return frame

    def to_csv(self) -> bytes:
        """Return the manifest as the bytes of a UTF-8 CSV, equal for equal rows."""
        return b"".join(self._csv_lines())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write to ``.csv`` or ``.parquet``, atomically."""
        target = Path(path)
        if target.suffix == ".parquet":
            require("pyarrow", extra="train", purpose="a Parquet manifest")
            table = io.BytesIO()
            self.to_frame().to_parquet(table, index=False)
            return write_bytes(target, table.getvalue())
        with atomic_write(target) as stream:  # line by line: the text of a long manifest is never held whole
            stream.writelines(self._csv_lines())
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None) -> Manifest:
        """Read a manifest.

        Parameters
        ----------
        path
            A ``.csv`` (UTF-8) or ``.parquet`` file with at least a column ``path``.
        root
            Folder that the paths are relative to; by default the manifest's own.

        Raises
        ------
        DataError
            When the file cannot be read, lacks ``path``, or a row breaks the rules of the type.
        """
        source = Path(path)
        columns, rows = _read_table(source)
        if "path" not in columns:
            raise DataError(f"'{source}' has no column 'path': a manifest has the columns {', '.join(COLUMNS)}")
        records = tuple(_record(row, source, number) for number, row in rows)
        return cls(root=Path(root) if root is not None else source.parent, records=records)

    def _csv_lines(self) -> Iterator[bytes]:
        return csv_lines(chain([[*COLUMNS, *self._extras()]], self._rows()))

    def _extras(self) -> list[str]:
        return sorted({name for r in self.records for name in r.extra})

    def _rows(self) -> Iterator[list[Any]]:
        extras = self._extras()
        for r in self.records:
            yield [
                to_text(r.path),
                to_text(r.label),
                r.sha256,
                r.width,
                r.height,
                to_text(r.group),
                to_text(r.source_id),
                str(r.split),
                r.fold,
                *(r.extra.get(name, "") for name in extras),
            ]


def read_groups_csv(path: str | os.PathLike[str], manifest: Manifest) -> dict[str, str]:
    """Read the user's own groups.

    Parameters
    ----------
    path
        CSV with the columns ``file,group`` (further ones are ignored); ``file`` is relative to the root.
    manifest
        The rows that the groups are about.

    Returns
    -------
    dict
        Manifest path -> group, for the rows that the file names.

    Raises
    ------
    DataError
        When a column is missing, a file is named twice with two groups, or no row is named at all.
    """
    source = Path(path)
    columns, rows = _read_table(source)
    if not {"file", "group"} <= set(columns):
        raise DataError(f"'{source}' must have the columns 'file' and 'group', got {', '.join(columns) or 'none'}")
    known = {r.path for r in manifest}
    groups: dict[str, str] = {}
    for _, row in rows:
        file, group = PurePosixPath(from_text(row["file"])).as_posix(), row["group"].strip()
        if group and groups.setdefault(file, group) != group:
            raise DataError(f"'{source}' gives '{row['file']}' two groups: keep one")
    named = {file: group for file, group in groups.items() if file in known}
    if not named:
        raise DataError(
            f"no file of '{source}' is in '{manifest.root}': paths in the column 'file' are relative to that folder"
        )
    return named


_Rows = list[tuple[int, dict[str, str]]]
_FIELD_LIMIT = threading.Lock()


def _read_table(source: Path) -> tuple[list[str], _Rows]:
    """Return the columns of a table and its rows as text, each with its line (of a CSV) or number from 2."""
    try:
        if source.suffix == ".parquet":
            return _read_parquet(source)
        return _read_csv(source, source.read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"cannot read the table '{source}' ({error}): give a UTF-8 CSV with a header line") from error


def _read_csv(source: Path, text: str) -> tuple[list[str], _Rows]:
    with _FIELD_LIMIT:  # a limit of the whole process, far below what a cell may hold
        before = csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
        try:
            reader = csv.reader(io.StringIO(text, newline=""), strict=True)
            lines = [(reader.line_num, cells) for cells in reader if cells]
        finally:
            csv.field_size_limit(before)
    columns = lines[0][1] if lines else []
    twice = [name for name, n in Counter(columns).items() if n > 1]
    if twice:
        raise DataError(f"'{source}' has the column '{twice[0]}' more than once: keep one")
    rows = []
    for number, cells in lines[1:]:
        if len(cells) > len(columns):
            raise DataError(
                f"'{source}' line {number} has {len(cells)} cells, the header {len(columns)}: quote cells with commas"
            )
        rows.append((number, dict(zip(columns, cells + [""] * (len(columns) - len(cells)), strict=True))))
    return columns, rows


def _read_parquet(source: Path) -> tuple[list[str], _Rows]:
    table = require("pyarrow.parquet", extra="train", purpose="a Parquet manifest").read_table(source)
    rows = [{str(name): _cell(value) for name, value in row.items()} for row in table.to_pylist()]
    return [str(name) for name in table.column_names], list(enumerate(rows, start=2))


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _record(row: Mapping[str, str], source: Path, number: int) -> ImageRecord:
    values: dict[str, Any] = {}
    for name in COLUMNS:
        text = row.get(name, "")
        try:
            if name in _INTEGERS:
                values[name] = _whole_number(text, _INTEGERS[name])
            elif name == "split":
                values[name] = Split(text)
            else:
                values[name] = from_text(text) if name != "sha256" else text
        except ValueError:
            least = _INTEGERS.get(name)
            expected = (
                f"a whole number from {least}" if name in _INTEGERS else "one of train, val, test, excluded or nothing"
            )
            raise DataError(f"'{source}' line {number}: column '{name}' must be {expected}, got '{text}'") from None
    path = values["path"]
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts:
        raise DataError(f"'{source}' line {number}: 'path' must lie below the manifest's folder, got '{path}'")
    for name in ("path", "source_id"):
        values[name] = PurePosixPath(values[name]).as_posix() if values[name] else ""
    return ImageRecord(**values, extra={k: v for k, v in row.items() if k not in COLUMNS})


def _whole_number(text: str, least: int) -> int:
    value = int(text) if text else least
    if value < least:
        raise ValueError(text)
    return value
