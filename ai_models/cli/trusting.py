"""Options that say which models may be opened, one set for every command that opens one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ai_models.cli.options import PLACE

__all__ = ["trust_options"]

_OPTIONS = (
    click.option(
        "--allow-unsigned",
        is_flag=True,
        help="Open a model also when it was not trained here and nobody you trust signed it. A model can run code.",
    ),
    click.option(
        "--trusted-key",
        "trusted_keys",
        type=PLACE,
        multiple=True,
        metavar="PEM",
        help="A public key whose signatures count, beside those of `model trust`; may be repeated.",
    ),
    click.option(
        "--minimum-version",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Refuse a model of a lower version.",
    ),
)


def trust_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options, and give the command a ``trust`` made of them and of what the user has set elsewhere."""

    @functools.wraps(function)
    def called(
        *args: Any, allow_unsigned: bool, trusted_keys: tuple[Path, ...], minimum_version: int, **values: Any
    ) -> Any:
        from ai_models.artifacts.trust import Trust

        trust = Trust.from_environment(
            trusted_keys=trusted_keys, minimum_version=minimum_version, allow_unsigned=allow_unsigned
        )
        return function(*args, trust=trust, **values)

    made: Callable[..., Any] = called
    for option in reversed(_OPTIONS):
        made = option(made)
    return made
