"""What is made of the fitted state when it is first needed, and never saved with it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

__all__ = ["Derived"]


class Derived:
    """Leaves every `functools.cached_property` out of pickles, copies and digests.

    What is cached so must follow from the other attributes: matrices in the precision that products are taken in,
    trees as flat tables. A model file then does not hold them twice.
    """

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        derived = _derived(type(self))
        return {name: value for name, value in (state or {}).items() if name not in derived}

    def _forget(self) -> None:
        """Drop what was derived: the fitted state has changed."""
        for name in _derived(type(self)):
            self.__dict__.pop(name, None)


def _derived(cls: type) -> set[str]:
    return {name for base in cls.__mro__ for name, value in vars(base).items() if isinstance(value, cached_property)}
