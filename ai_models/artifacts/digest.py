"""One digest for one model: over arrays and parameters, not over pickle bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["state_digest"]


def state_digest(value: object) -> str:
    """Return a SHA-256 (hex) that is equal for models with equal arrays and parameters.

    Pickle bytes may differ between equal models (memo order, compression); this walks the state instead. Floating
    numbers count by their bits.
    """
    digest = hashlib.sha256()
    _feed(value, digest.update, [])
    return digest.hexdigest()


def _feed(value: Any, update: Any, above: list[int]) -> None:
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, np.generic)):
        update(f"{type(value).__name__}:{value!r};".encode("utf-8", "surrogateescape"))
    elif isinstance(value, np.ndarray):
        _feed_array(value, update, above)
    elif isinstance(value, slice):
        update(f"slice:{value.start}:{value.stop}:{value.step};".encode())
    elif isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        update(f"name:{value.__module__}.{value.__qualname__};".encode())
    elif id(value) in above:
        update(b"above;")
    else:
        above.append(id(value))
        _feed_parts(value, update, above)
        above.pop()


def _feed_parts(value: Any, update: Any, above: list[int]) -> None:
    update(f"{type(value).__module__}.{type(value).__qualname__}(".encode())
    if isinstance(value, Mapping):
        for key in sorted(value, key=repr):
            _feed(key, update, above)
            _feed(value[key], update, above)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _feed(item, update, above)
    elif isinstance(value, (set, frozenset)):
        for item in sorted(value, key=repr):
            _feed(item, update, above)
    else:
        reduced = value.__reduce_ex__(4)
        for part in reduced if isinstance(reduced, str) else reduced[:3]:
            _feed(part, update, above)
    update(b");")


def _feed_array(array: np.ndarray[Any, Any], update: Any, above: list[int]) -> None:
    update(f"array:{array.dtype.str}:{array.shape};".encode())
    if array.dtype.names:  # field by field: the padding between fields is not part of the value
        for name in array.dtype.names:
            _feed_array(array[name], update, above)
    elif array.dtype.hasobject:
        for item in array.ravel():
            _feed(item, update, above)
    else:
        update(np.ascontiguousarray(array).tobytes())
