"""Features in files that all worker processes map, so that a task carries a path and not a copy of every row."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_models.core.logs import get_logger
from ai_models.execution import engine_in_use, worker_count
from ai_models.features import RawFeatures

__all__ = ["MappedRows", "mapped"]

_log = get_logger(__name__)


@dataclass(frozen=True)
class MappedRows:
    """Raw features whose blocks lie in a folder, or in memory where they could not be written.

    Attributes
    ----------
    folder
        Holds a ``.npy`` a block, and those of the second look in ``closer``; None where there is none.
    blocks
        Names of the blocks in the folder, in the order of their files.
    errors, quality
        As in `RawFeatures`.
    closer
        The second look.
    kept
        The features themselves where there is no folder.
    """

    folder: Path | None = None
    blocks: tuple[str, ...] = ()
    errors: dict[int, str] = field(default_factory=dict)
    quality: NDArray[np.float32] | None = None
    closer: MappedRows | None = None
    kept: RawFeatures | None = None

    def open(self) -> RawFeatures:
        """Return the features; those in files are read where they are touched, and shared with other processes."""
        if self.kept is not None:
            return self.kept
        assert self.folder is not None
        files = ((name, self.folder / f"{place}.npy") for place, name in enumerate(self.blocks))
        blocks = {name: np.asarray(np.load(file, mmap_mode="r")) for name, file in files}
        return RawFeatures(blocks, self.errors, self.quality, None if self.closer is None else self.closer.open())


@contextmanager
def mapped(raw: RawFeatures, beside: Path | None, *, workers: int, tasks: int) -> Iterator[MappedRows]:
    """Write features where other processes can map them, for as long as the context lasts.

    Parameters
    ----------
    raw
        The features.
    beside
        A folder to write into; that of temporary files when None.
    workers, tasks
        As for `ai_models.execution.map_ordered`. Where that starts no process nothing is written, nor where an engine
        takes over, which sends arrays in its own way.
    """
    if min(worker_count(workers), tasks) <= 1 or engine_in_use() is not None:
        yield MappedRows(kept=raw)
        return
    folder = Path(tempfile.gettempdir() if beside is None else beside) / f"rows-{secrets.token_hex(8)}"
    try:
        try:
            written = _write(raw, folder)
        except OSError as error:
            _log.warning("features go to each worker as a copy: '%s' cannot be written (%s)", folder, error)
            written = MappedRows(kept=raw)
        yield written
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(raw: RawFeatures, folder: Path) -> MappedRows:
    folder.mkdir(parents=True)
    for place, rows in enumerate(raw.blocks.values()):  # a block of the user's own may bear any name
        np.save(folder / f"{place}.npy", rows, allow_pickle=False)
    closer = None if raw.closer is None else _write(raw.closer, folder / "closer")
    return MappedRows(folder, tuple(raw.blocks), raw.errors, raw.quality, closer)
