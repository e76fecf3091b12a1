"""Messages between the service and its workers: a kind, and byte strings that are sent as they are."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

__all__ = ["ANSWER", "EXPLAIN", "FAILED", "MOST", "PREDICT", "READY", "Message", "packed", "read", "take"]

READY, FAILED, PREDICT, EXPLAIN, ANSWER = b"r", b"f", b"p", b"e", b"a"
"""Kinds: the worker is ready; it cannot be; judge these images; explain this one; what is said of them."""

MOST = 64
"""Byte strings of one message."""
_HEAD = struct.Struct("!cB")
_SIZE = struct.Struct("!Q")
_LARGEST = 2**30


class Message(NamedTuple):
    """One message."""

    kind: bytes
    parts: tuple[bytes, ...]


def packed(kind: bytes, parts: Sequence[bytes]) -> bytes:
    """Return what goes before the byte strings themselves."""
    if len(parts) > MOST:
        raise ValueError(f"a message carries at most {MOST} byte strings, got {len(parts)}")
    return _HEAD.pack(kind, len(parts)) + b"".join(_SIZE.pack(len(part)) for part in parts)


def read(stream: BinaryIO) -> Message | None:
    """Read one message, waiting for it; None where the other side is gone."""
    try:
        kind, count = _HEAD.unpack(stream.read(_HEAD.size))
        sizes = [_SIZE.unpack(stream.read(_SIZE.size))[0] for _ in range(count)]
    except struct.error:
        return None
    parts = tuple(stream.read(size) for size in sizes)
    return Message(kind, parts) if [len(part) for part in parts] == sizes else None


def take(buffer: bytearray) -> Message | None:
    """Take the first message off a buffer; None where it has not come whole.

    Raises
    ------
    ValueError
        When it is no message, or one of more than a GiB.
    """
    if len(buffer) < _HEAD.size:
        return None
    kind, count = _HEAD.unpack_from(buffer)
    if count > MOST:
        raise ValueError(f"a message carries at most {MOST} byte strings, got {count}")
    start = _HEAD.size + count * _SIZE.size
    if len(buffer) < start:
        return None
    sizes = [size for (size,) in _SIZE.iter_unpack(bytes(buffer[_HEAD.size : start]))]
    if sum(sizes) > _LARGEST:
        raise ValueError(f"a message has at most {_LARGEST} bytes, got {sum(sizes)}")
    if len(buffer) < start + sum(sizes):
        return None
    parts = []
    for size in sizes:
        parts.append(bytes(buffer[start : start + size]))
        start += size
    del buffer[:start]
    return Message(kind, tuple(parts))
