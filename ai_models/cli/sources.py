"""``--data-dir``, ``--manifest``, ``--groups`` and ``--group-pattern``: where a command's rows come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ai_models.cli.options import PLACE, settings
from ai_models.cli.places import stem
from ai_models.core.settings import InspectionConfig

__all__ = ["needed", "rows", "title"]


def rows(name: str = "--data-dir") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``--data-dir`` (or another name for it), ``--manifest``, ``--groups`` and ``--group-pattern``."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        function = settings(InspectionConfig, "group_pattern")(function)
        function = click.option(
            "--groups", type=PLACE, metavar="FILE.csv", help="Your own groups: columns file,group; one an object."
        )(function)
        function = click.option(
            "--manifest",
            type=PLACE,
            metavar="FILE.csv",
            help=f"Rows of an earlier stage. Their paths are relative to {name}, else to the file's own folder.",
        )(function)
        return click.option(name, "data_dir", type=PLACE, help="Folder of images, one folder a class. Only read.")(
            function
        )

    return add


def needed(data_dir: Path | None, manifest: Path | None, name: str = "--data-dir") -> None:
    """Refuse a call that names neither a folder nor a manifest."""
    if data_dir is None and manifest is None:
        raise click.UsageError(f"Name the images: {name} FOLDER, or --manifest FILE.csv.")


def title(data_dir: Path | None, manifest: Path | None) -> str:
    """Return what a default output place is called after."""
    return stem(data_dir) if data_dir is not None else stem((manifest or Path()).absolute().parent)
