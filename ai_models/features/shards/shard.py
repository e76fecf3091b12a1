"""A shard: rows of one block in one immutable file, each with a digest of its own that travels with it."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DIGEST_BYTES", "DTYPES", "KEY_BYTES", "DamagedError", "Shard", "row_digests", "runs"]

KEY_BYTES = 32
DIGEST_BYTES = 16
DTYPES = frozenset({"uint8", "int8", "uint16", "int16", "int32", "int64", "float16", "float32", "float64"})


class DamagedError(Exception):
    """What is wrong with a shard, in a clause."""


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """Where the rows of a file are, and what they must hash to.

    Attributes
    ----------
    path, block
        The file, and the key of the block that its rows belong to.
    dtype, shape
        Of one row; stored little-endian, in C order.
    keys, digests
        Of n rows one after the other: 32 bytes that name an image, 16 bytes of the SHA-256 of its row.
    start
        Byte of the file at which the rows begin.
    """

    path: Path
    block: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    keys: bytes
    digests: bytes
    start: int

    def __len__(self) -> int:
        return len(self.keys) // KEY_BYTES

    @property
    def row_bytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)

    @property
    def file_bytes(self) -> int:
        return self.start + self.row_bytes * len(self)

    def key(self, row: int) -> bytes:
        return self.keys[row * KEY_BYTES : (row + 1) * KEY_BYTES]

    def digest(self, row: int) -> bytes:
        return self.digests[row * DIGEST_BYTES : (row + 1) * DIGEST_BYTES]

    def empty(self, count: int) -> NDArray[Any]:
        """Return zeros for `count` rows."""
        return np.zeros((count, *self.shape), dtype=self.dtype)

    def read(self, rows: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Read rows into memory of the caller's own and hash what was read.

        Returns
        -------
        tuple
            The rows in the order asked for, and for each whether it is what was written. What is not must not be used.

        Raises
        ------
        OSError
            When the file is gone or cannot be read.
        DamagedError
            When it is shorter than it was.
        """
        out = np.empty((len(rows), *self.shape), dtype=self.dtype.newbyteorder("<"))
        memory = out.reshape(-1).view(np.uint8).data
        width, at = self.row_bytes, 0
        with open(self.path, "rb", buffering=0) as stream:
            for first, count in runs(rows):
                stream.seek(self.start + first * width)
                end = at + count * width
                while at < end:
                    got = stream.readinto(memory[at:end])
                    if not got:
                        raise DamagedError("it is cut off")
                    at += got
        sound = self.sound(memory, rows)
        if sys.byteorder == "big":
            out = out.astype(self.dtype)
        return out.view(self.dtype), sound

    def map(self) -> NDArray[Any]:
        """Return all rows as they lie in the file, without reading or checking them: read-only."""
        stored = self.dtype.newbyteorder("<")
        mapped = np.memmap(self.path, mode="r", dtype=stored, offset=self.start, shape=(len(self), *self.shape))
        return mapped.view(np.ndarray)

    def sound(self, memory: memoryview, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Say for each of some rows, whose bytes lie one after the other in memory, whether it is what was written."""
        stored = np.frombuffer(self.digests, dtype=np.uint8).reshape(-1, DIGEST_BYTES)[rows]
        read = np.frombuffer(row_digests(memory, len(rows)), dtype=np.uint8).reshape(-1, DIGEST_BYTES)
        return np.asarray((stored == read).all(axis=1))


def row_digests(memory: memoryview, count: int) -> bytes:
    """Return the digests of `count` rows of equal size that lie one after the other."""
    width = len(memory) // count if count else 0
    sha256 = hashlib.sha256
    return b"".join(sha256(memory[i * width : (i + 1) * width]).digest()[:DIGEST_BYTES] for i in range(count))


def runs(rows: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    """Yield (first, count) of rows that follow one another."""
    if not len(rows):
        return
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    starts = [0, *breaks.tolist()]
    for start, stop in zip(starts, [*starts[1:], len(rows)], strict=True):
        yield int(rows[start]), stop - start
