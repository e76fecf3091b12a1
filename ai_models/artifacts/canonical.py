"""JSON that has exactly one way to be written (RFC 8785), and a reader that takes no other.

What is hashed or signed must not have a second spelling: sorted keys, no spaces, UTF-8, whole numbers below 2^53 alone,
no newline at the end. Keys are ASCII here, so that sorting by code points is sorting by UTF-16 units, as the RFC asks.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from ai_models.core.config import canonical_json

__all__ = ["canonical", "read_canonical"]

_LARGEST = 2**53 - 1


def canonical(value: Any) -> bytes:
    """Return the one spelling of a value of dicts, lists, texts, whole numbers, booleans and None.

    Raises
    ------
    ValueError
        When it holds something else, such as a fraction or a key that is not ASCII.
    """
    _require_plain(value)
    return canonical_json(value)


def read_canonical(data: bytes) -> Any:
    """Return the value of a text, which must be spelled exactly as `canonical` spells that value.

    Raises
    ------
    ValueError
        When it is not JSON, or spelled otherwise: spaces, another order, a key twice, a number as 1.0.
    """
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_object, parse_float=_no_number, parse_constant=_no_number
        )
        again = canonical(value)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if again != data:
        raise ValueError("it is not spelled the canonical way (RFC 8785)")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is not a whole number")


def _require_plain(value: Any) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise ValueError(f"the key {key!r} is not ASCII")
            _require_plain(item)
    elif isinstance(value, list):
        for item in value:
            _require_plain(item)
    elif isinstance(value, int):
        if abs(value) > _LARGEST:
            raise ValueError("a number is too large")
    elif value is not None and not isinstance(value, str):
        raise ValueError(f"{value!r} is not something that has one spelling")
