"""Shards of format 1, the first: read as they are, never written; merging turns them into the present format.

After the same prelude as every format (its checksum covering the header alone), a JSON header with block, dtype, shape
of one row, keys of the rows and the SHA-256 of all rows together; then the rows in C order.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import IO

import numpy as np

from ai_models.features.shards.index import packed
from ai_models.features.shards.shard import DTYPES, DamagedError, Shard, row_digests

__all__ = ["FORMAT", "parse"]

FORMAT = 1


def parse(path: Path, header: bytes, digest: bytes, stream: IO[bytes]) -> Shard:
    """Check a whole shard, whose rows come next in the stream, and return it with a digest for each row.

    Raises
    ------
    DamagedError
        When header or rows are not what was written.
    """
    if hashlib.sha256(header).digest() != digest:
        raise DamagedError("its header does not match its checksum")
    try:
        fields = json.loads(header)
        keys = [str(key) for key in fields["keys"]]
        shape = tuple(int(n) for n in fields["shape"])
        block, written, dtype = str(fields["block"]), fields["sha256"], fields["dtype"]
        if dtype not in DTYPES or min(shape, default=0) < 0:
            raise ValueError(fields)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DamagedError("its header is not of this format") from error
    start = stream.tell()
    rows = stream.read()
    if hashlib.sha256(rows).hexdigest() != written:
        raise DamagedError("its content does not match its checksum")
    digests = row_digests(memoryview(rows), len(keys))
    return Shard(path, block, np.dtype(dtype), shape, packed(keys), digests, start)
