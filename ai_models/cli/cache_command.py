"""``amulet-ai cache info|clear|verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ai_models.cli.command import GROUP_SETTINGS, VERBOSE, Group, declare, version
from ai_models.cli.options import settings
from ai_models.core.errors import AmuletError
from ai_models.core.settings import FeatureConfig

if TYPE_CHECKING:
    from ai_models.features.cache import FeatureCache

_place = settings(FeatureConfig, "cache_dir", "max_cache_size_gb")
_directory = settings(FeatureConfig, "cache_dir")


@click.group("cache", cls=Group, params=[VERBOSE], context_settings=GROUP_SETTINGS)
@version
def command(verbose: bool) -> None:
    """Look at, empty or check the cache of features.

    Features are kept by the content of an image and the code and settings that made them, and reused across
    runs.
    """


def _cache(cache_dir: str, max_cache_size_gb: float = FeatureConfig.max_cache_size_gb) -> FeatureCache:
    from ai_models.features.cache import FeatureCache

    return FeatureCache(cache_dir, FeatureConfig(max_cache_size_gb=max_cache_size_gb).max_cache_bytes)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


@declare("info", example="amulet-ai cache info")
@_place
def info(**values: Any) -> None:
    """Say how much the cache holds."""
    found = _cache(**values).info()
    click.echo(f"{found.directory}: {_megabytes(found.bytes)} of at most {_megabytes(found.max_bytes)}")
    for block, rows in found.rows_by_block.items():
        click.echo(f"{block:<15}{rows} {'pairs' if block == 'compared.pair' else 'images'}")
    if found.damaged:
        click.echo(f"{found.damaged} damaged files: their features are computed again when needed")
    if found.newer:
        click.echo(f"{found.newer} files of a newer version of this product: left alone")


@declare("clear", example="amulet-ai cache clear --cache-dir feature_cache")
@_directory
def clear(**values: Any) -> None:
    """Remove the cached features, and nothing else in that folder."""
    click.echo(f"{values['cache_dir']}: {_megabytes(_cache(**values).clear())} freed")


@declare("verify", example="amulet-ai cache verify")
@_directory
def verify(**values: Any) -> None:
    """Read everything and compare checksums.

    Damaged files are set aside; exit status 2 when there are any.
    """
    problems = _cache(**values).verify()
    for problem in problems:
        click.echo(f"- {problem}")
    if problems:
        raise AmuletError(
            f"{len(problems)} files of the cache were damaged: what they held is computed again when needed"
        )
    click.echo(f"{values['cache_dir']}: everything is as it was written")


for _made in (info, clear, verify):
    command.add_command(_made)
