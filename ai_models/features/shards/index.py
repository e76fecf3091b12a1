"""Where the rows of a block are: from image keys to rows of shards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ai_models.features.shards.shard import KEY_BYTES, Shard

__all__ = ["BlockIndex", "Hit", "packed"]

_KEY = np.dtype(f"S{KEY_BYTES}")  # of equal length, so that the zeros NumPy strips do not matter
_LARGE = 1024  # rows from which a shard is searched by halving: a dictionary of its keys takes six times the memory


class Hit(NamedTuple):
    """Rows of a shard, and the positions in the question that they answer."""

    shard: Shard
    rows: NDArray[np.intp]
    positions: NDArray[np.intp]


def packed(keys: Sequence[str]) -> bytes:
    """Return 32 bytes for each key: what 64 hexadecimal digits stand for, the SHA-256 of any other text."""
    text = "".join(keys)
    if len(text) == 2 * KEY_BYTES * len(keys) and all(len(key) == 2 * KEY_BYTES for key in keys):
        try:
            together = bytes.fromhex(text)
        except ValueError:
            pass
        else:
            if len(together) == KEY_BYTES * len(keys):  # spaces are passed over
                return together
    if len(keys) == 1:
        return hashlib.sha256(keys[0].encode()).digest()
    return b"".join(packed([key]) for key in keys)


class BlockIndex:
    """The shards of one block that are known."""

    def __init__(self) -> None:
        self.shards: dict[str, Shard] = {}
        self._rows: dict[bytes, tuple[Shard, int]] = {}
        self._sorted: dict[str, tuple[NDArray[np.bytes_], NDArray[np.intp]]] = {}

    def add(self, shard: Shard) -> None:
        """Make a shard known; of two that hold a row, it is found in the one that holds more."""
        self.shards[shard.path.name] = shard
        if len(shard) < _LARGE:
            for row in range(len(shard)):
                key = shard.key(row)
                if key not in self._rows or len(self._rows[key][0]) < len(shard):
                    self._rows[key] = shard, row

    def remove(self, shards: Iterable[Shard]) -> None:
        """Forget shards; what another one holds as well is found there from now on."""
        for shard in shards:
            if self.shards.get(shard.path.name) is shard:
                del self.shards[shard.path.name]
                self._sorted.pop(shard.path.name, None)
        left = list(self.shards.values())
        self._rows.clear()
        for shard in left:
            self.add(shard)

    def find(self, wanted: bytes) -> list[Hit]:
        """Return where packed keys are; those that are in no hit are not there."""
        keys = np.frombuffer(wanted, dtype=_KEY)
        unknown = np.arange(len(keys))
        hits = []
        for shard in self.shards.values():
            if len(shard) >= _LARGE and len(unknown):
                rows = self._search(shard, wanted, keys, unknown)
                there = rows >= 0
                if there.any():
                    hits.append(Hit(shard, rows[there], unknown[there]))
                    unknown = unknown[~there]
        small: dict[str, tuple[Shard, list[int], list[int]]] = {}
        for position in unknown.tolist():
            found = self._rows.get(wanted[position * KEY_BYTES : (position + 1) * KEY_BYTES])
            if found is not None:
                shard, row = found
                _, rows_of, positions_of = small.setdefault(shard.path.name, (shard, [], []))
                rows_of.append(row)
                positions_of.append(position)
        return hits + [
            Hit(shard, np.asarray(rows_of, dtype=np.intp), np.asarray(positions_of, dtype=np.intp))
            for shard, rows_of, positions_of in small.values()
        ]

    def _search(
        self, shard: Shard, wanted: bytes, keys: NDArray[np.bytes_], unknown: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """Return the row of each unknown key, -1 where it has none."""
        if len(unknown) == len(keys) and wanted == shard.keys:
            return unknown
        if shard.path.name not in self._sorted:
            own = np.frombuffer(shard.keys, dtype=_KEY)
            order = np.argsort(own, kind="stable")
            self._sorted[shard.path.name] = own[order], order
        ordered, order = self._sorted[shard.path.name]
        asked = keys[unknown]
        at = np.minimum(np.searchsorted(ordered, asked), len(ordered) - 1)
        return np.where(ordered[at] == asked, order[at], -1)
