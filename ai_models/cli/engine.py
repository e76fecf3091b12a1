"""``--engine`` and ``--scheduler``: a command whose features and fits may be computed on a cluster."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ai_models.cli.options import build, settings
from ai_models.core.settings import ComputeConfig

__all__ = ["on_an_engine"]


def on_an_engine(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--engine`` and ``--scheduler``, and run the command where they say."""

    @functools.wraps(function)
    def there(*positional: Any, engine: str, scheduler: str, **values: Any) -> Any:
        compute = build(ComputeConfig, {"engine": engine, "scheduler": scheduler})
        if compute == ComputeConfig():
            return function(*positional, **values)
        from ai_models.cluster import computing

        with computing(compute, shared=values["cache_dir"], workers=values["workers"]):
            return function(*positional, **values)

    return settings(ComputeConfig, "engine", "scheduler")(there)
