"""Progress bars on long work, on stderr: live on a terminal, a line now and then in a log."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

__all__ = ["progress"]

T = TypeVar("T")


def progress(
    items: Iterable[T], *, total: int | None, label: str, unit: str = "img", size: Callable[[T], int] | None = None
) -> Iterator[T]:
    """Yield the items while showing how far it is, the rate and the time left; nothing without tqdm.

    Parameters
    ----------
    items
        What to walk through.
    total
        How many units there are; None where that is not known.
    label
        What is being done, such as ``"extract"``.
    unit
        What one item is, or one part of it where `size` is given.
    size
        How many units an item stands for; one each without it.
    """
    if total == 0 or importlib.util.find_spec("tqdm") is None:
        yield from items
        return
    from tqdm import tqdm

    live = sys.stderr is not None and sys.stderr.isatty()
    every = 0.2 if live else 10.0  # a log gets a line every ten seconds, and the last one
    bar = tqdm(items, total=total, desc=f"{label:<10}", unit=unit, dynamic_ncols=live, mininterval=every)
    if size is None:
        yield from bar
        return
    bar.iterable = None
    with bar:
        for item in items:
            yield item
            bar.update(size(item))
