"""Progress bars on long work, on stderr, silent where nobody looks."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["progress"]

T = TypeVar("T")


def progress(items: Iterable[T], *, total: int, label: str, unit: str = "img") -> Iterator[T]:
    """Yield the items while showing how far it is, the rate and the time left.

    Parameters
    ----------
    items
        What to walk through.
    total
        How many there are.
    label
        What is being done, such as ``"extract"``.
    unit
        What one item is.
    """
    if total == 0 or importlib.util.find_spec("tqdm") is None:
        yield from items
        return
    from tqdm import tqdm

    yield from tqdm(items, total=total, desc=f"{label:<10}", unit=unit, dynamic_ncols=True, mininterval=0.2)
