"""Public names that are imported when first used, so that `--help` and a light import stay quick."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(module: str, origins: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a module's ``__getattr__`` (PEP 562) that imports its public names on first use.

    Parameters
    ----------
    module
        Name of the module that offers them, ``__name__``.
    origins
        Public name -> module that defines it.
    """

    def load(name: str) -> Any:
        if name not in origins:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(origins[name]), name)
        setattr(sys.modules[module], name, value)
        return value

    return load
