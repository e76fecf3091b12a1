"""The file format of shards: written whole or not at all, read only where every length and checksum agrees.

Format 2, integers little-endian::

    8 bytes   "AMULETFS"
    u32       format
    u32       length h of the header
    32 bytes  SHA-256 of the 16 bytes above and the header
    h bytes   header: u64 number of rows n, u32 length m, m bytes of JSON (block, dtype, shape of one row),
              n x 32 bytes keys, n x 16 bytes digests of the rows, zeros up to a multiple of 64
    ...       the rows in C order

The format number is raised by any change of this layout; the first 48 bytes and what their checksum covers stay. A
reader keeps reading older formats, as it does format 1 (`ai_models.features.shards.file_format_1`), and leaves alone a
newer one, which it knows from a damaged one by the checksum.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ai_models.core.config import canonical_json
from ai_models.core.paths import atomic_write, sync_folder
from ai_models.features.shards import file_format_1
from ai_models.features.shards.shard import DIGEST_BYTES, DTYPES, KEY_BYTES, DamagedError, Shard

__all__ = ["FORMAT", "NewerFormatError", "open_shard", "write_shard"]

FORMAT = 2
_MAGIC = b"AMULETFS"
_PRELUDE = struct.Struct("<8sII32s")
_SIGNED = 16  # bytes of the prelude that the checksum covers
_COUNTS = struct.Struct("<QI")
_ALIGNMENT = 64


class NewerFormatError(DamagedError):
    """A shard of a format that this version does not know; not damaged as far as can be told."""


def _before_rows(block: str, dtype: np.dtype[Any], shape: tuple[int, ...], keys: bytes, digests: bytes) -> bytes:
    """Return everything of a shard that stands before its rows."""
    described = canonical_json({"block": block, "dtype": dtype.name, "shape": list(shape)})
    header = _COUNTS.pack(len(keys) // KEY_BYTES, len(described)) + described + keys + digests
    header += bytes(-(_PRELUDE.size + len(header)) % _ALIGNMENT)
    prelude = _PRELUDE.pack(_MAGIC, FORMAT, len(header), bytes(32))[:_SIGNED]
    return prelude + hashlib.sha256(prelude + header).digest() + header


def write_shard(path: Path, like: Shard, pieces: Iterable[memoryview | bytes]) -> Shard:
    """Write a shard under its final name once it is whole and on disk, name included.

    Parameters
    ----------
    path
        A name that no shard has or had: what is deleted by name is then always the very file that was meant.
    like
        What it holds; its `path` and `start` are not looked at.
    pieces
        The bytes of its rows in order.

    Raises
    ------
    OSError, ai_models.core.errors.OutputError
        When the place cannot be written; the file may then be there, whole, and is not promised to stay.
    """
    header = _before_rows(like.block, like.dtype, like.shape, like.keys, like.digests)
    with atomic_write(path) as stream:
        stream.write(header)
        for piece in pieces:
            stream.write(piece)
    sync_folder(path.parent)
    return Shard(path, like.block, like.dtype, like.shape, like.keys, like.digests, len(header))


def open_shard(path: Path) -> Shard:
    """Read what a shard holds, not its rows; the block is that of its folder.

    No length is believed before it is compared with the size of the file, and nothing of the header is interpreted
    before its checksum.

    Raises
    ------
    OSError
        When it is gone or cannot be read.
    NewerFormatError
        When a later version wrote it.
    DamagedError
        When it is not what was written.
    """
    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        prelude = stream.read(_PRELUDE.size)
        if len(prelude) < _PRELUDE.size:
            raise DamagedError("it is cut off")
        magic, number, length, digest = _PRELUDE.unpack(prelude)
        if magic != _MAGIC:
            raise DamagedError("it is no shard")
        if _PRELUDE.size + length > size:
            raise DamagedError("it is cut off")
        header = stream.read(length)
        if number == file_format_1.FORMAT:
            shard = file_format_1.parse(path, header, digest, stream)
        elif hashlib.sha256(prelude[:_SIGNED] + header).digest() != digest:
            raise DamagedError("its header does not match its checksum")
        elif number > FORMAT:
            raise NewerFormatError(f"it is of format {number}, and this version knows formats up to {FORMAT}")
        else:
            shard = _parse(path, header)
    if shard.block != path.parent.name:
        raise DamagedError("it belongs to another block")
    if size != shard.file_bytes:
        raise DamagedError(f"it should have {shard.file_bytes:,} bytes and has {size:,}")
    return shard


def _parse(path: Path, header: bytes) -> Shard:
    try:
        count, length = _COUNTS.unpack_from(header)
        keys = _COUNTS.size + length
        digests = keys + count * KEY_BYTES
        fields = json.loads(header[_COUNTS.size : keys])
        shape = tuple(int(n) for n in fields["shape"])
        if fields["dtype"] not in DTYPES or min(shape, default=0) < 0 or digests + count * DIGEST_BYTES > len(header):
            raise ValueError(fields)
        return Shard(
            path,
            str(fields["block"]),
            np.dtype(fields["dtype"]),
            shape,
            header[keys:digests],
            header[digests : digests + count * DIGEST_BYTES],
            _PRELUDE.size + len(header),
        )
    except (KeyError, TypeError, ValueError, RecursionError, struct.error) as error:
        raise DamagedError("its header is not of this format") from error
