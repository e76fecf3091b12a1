"""A Parquet manifest of any length, read batch by batch: its rows never become Python objects all at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from ai_models.core.errors import DataError
from ai_models.core.optional import require
from ai_models.core.paths import from_text
from ai_models.core.remote_files import is_url

__all__ = ["STREAMED_FROM", "ManifestStream", "is_streamed"]

STREAMED_FROM = 100_000
"""Rows beyond which a Parquet manifest is streamed: more are not held in memory, nor compared with one another."""


class ManifestStream:
    """The images of a Parquet manifest.

    Parameters
    ----------
    path
        A ``.parquet`` file with at least a column ``path``: relative to the root, or URLs.
    root
        Folder that relative paths are relative to; by default the manifest's own.

    Raises
    ------
    DataError
        When it cannot be read as such a file.
    """

    def __init__(self, path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path)
        self.root = Path(root) if root is not None else self.path.parent
        if "path" not in self._opened().schema_arrow.names:
            raise DataError(f"'{self.path}' has no column 'path', which names the images: add it")

    def __len__(self) -> int:
        return int(self._opened().metadata.num_rows)

    def batches(self, size: int) -> Iterator[list[str]]:
        """Yield the images in order, at most `size` at a time, as local paths or URLs; no other column is read."""
        number = 0
        for batch in self._opened().iter_batches(batch_size=size, columns=["path"]):
            texts = batch.column(0).to_pylist()
            yield [self._image(text, number + row) for row, text in enumerate(texts)]
            number += len(texts)

    def _image(self, text: object, number: int) -> str:
        if isinstance(text, str) and is_url(text):
            return text
        name = from_text(text) if isinstance(text, str) else ""
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts:
            raise DataError(
                f"'{self.path}' row {number}: 'path' must lie below the manifest's folder or be a URL, got '{text}'"
            )
        return str(self.root / name)

    def _opened(self) -> Any:
        parquet = require("pyarrow.parquet", extra="train", purpose="a Parquet manifest")
        try:
            return parquet.ParquetFile(self.path, pre_buffer=False)
        except (OSError, ValueError) as error:
            if isinstance(error, FileNotFoundError):
                raise DataError(f"there is no manifest at '{self.path}': check the path") from error
            raise DataError(f"'{self.path}' cannot be read as Parquet ({error}): write it again") from error


def is_streamed(path: str | os.PathLike[str]) -> bool:
    """Return whether a manifest is so long that it is streamed."""
    return Path(path).suffix == ".parquet" and len(ManifestStream(path)) > STREAMED_FROM
