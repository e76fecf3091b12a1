"""Many small shards into few: what makes the rows of a whole folder one run of a file.

A shard is only ever deleted after another, written later, holds all its sound rows and is on disk, name included. So
no process needs to know what the others merge: whatever they do at once, and wherever one is killed, each row stays
in at least one shard. Names are never used twice, so a deletion cannot hit a shard written since.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_models.features.shards.file_format import write_shard
from ai_models.features.shards.shard import KEY_BYTES, DamagedError, Shard

__all__ = ["batches", "merge", "new_name"]

_PIECE = 16 * 2**20  # bytes read at a time


def new_name(folder: Path) -> Path:
    """Return a name for a shard that none has had."""
    return folder / f"{secrets.token_hex(16)}.shard"


def batches(shards: Sequence[Shard], limit: int) -> Iterator[list[Shard]]:
    """Yield shards, in their order, that are to become one of at most `limit` bytes each; single ones are left out.

    Shards of more than half the limit are left as they are, and so are those whose rows are of another form than those
    of the first.
    """
    batch: list[Shard] = []
    for shard in shards:
        if shard.file_bytes > limit / 2 or (shard.dtype, shard.shape) != (shards[0].dtype, shards[0].shape):
            continue
        if batch and sum(s.file_bytes for s in batch) + shard.file_bytes > limit:
            if len(batch) > 1:
                yield batch
            batch = []
        batch.append(shard)
    if len(batch) > 1:
        yield batch


def merge(shards: Sequence[Shard], first: bytes = b"", unsound: NDArray[np.bool_] | None = None) -> Shard | None:
    """Write the rows of shards of one block as one shard; the shards stay.

    Parameters
    ----------
    shards
        Of equal block, dtype and shape.
    first
        Packed keys of the rows that come first, in this order; the others follow as they lie.
    unsound
        Rows of the first shard that are to be left out.

    Returns
    -------
    Shard or None
        None when no row is left.

    Raises
    ------
    DamagedError
        When a row is not what was written.
    OSError, ai_models.core.errors.OutputError
        When something is gone, or cannot be read or written.
    """
    where: dict[bytes, tuple[int, int]] = {}
    for number, shard in enumerate(shards):
        for row in range(len(shard)):
            if number or unsound is None or not unsound[row]:
                where.setdefault(shard.key(row), (number, row))
    if not where:
        return None
    asked = (first[at : at + KEY_BYTES] for at in range(0, len(first), KEY_BYTES))
    keys = list(dict.fromkeys([*(key for key in asked if key in where), *where]))
    picked = np.array([where[key] for key in keys], dtype=np.intp)
    digests = b"".join(shards[number].digest(row) for number, row in picked.tolist())
    like = replace(shards[0], keys=b"".join(keys), digests=digests)
    return write_shard(new_name(shards[0].path.parent), like, _pieces(shards, picked))


def _pieces(shards: Sequence[Shard], picked: NDArray[np.intp]) -> Iterator[memoryview]:
    """Yield the bytes of rows, each checked against the digest that goes with it into the new shard."""
    breaks = np.flatnonzero(np.diff(picked[:, 0])) + 1
    for stretch in np.split(picked, breaks):
        shard = shards[stretch[0, 0]]
        step = max(1, _PIECE // max(1, shard.row_bytes))
        for start in range(0, len(stretch), step):
            rows, sound = shard.read(stretch[start : start + step, 1])
            if not sound.all():
                raise DamagedError("its content does not match its checksum")
            stored = rows.astype(shard.dtype.newbyteorder("<"), copy=False)
            yield stored.reshape(-1).view(np.uint8).data
