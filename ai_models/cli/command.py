"""What every command has: --verbose, --version, one sentence for a user's mistake, the exit status that says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from ai_models._version import __version__
from ai_models.core.errors import AmuletError
from ai_models.core.logs import configure
from ai_models.core.optional import extra_with

__all__ = ["GROUP_SETTINGS", "VERBOSE", "Group", "declare", "version"]

GROUP_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
VERBOSE = click.Option(
    ["-v", "--verbose"], is_flag=True, help="Tell on stderr what is being done (LOG_LEVEL sets other levels)."
)
version = click.version_option(__version__, "--version", message="amulet-ai %(version)s")

_MISTAKES = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError, FileExistsError)


class _Sentence(click.ClickException):
    """A user's mistake: its sentence on stderr, exit status 2."""

    exit_code = 2


@contextmanager
def _guarded(ctx: click.Context) -> Iterator[None]:
    """Turn a user's mistake into a sentence and status 2, an interrupt into status 130; let a bug show itself."""
    try:
        yield
    except AmuletError as error:
        raise _Sentence(" ".join(str(error).split())) from error
    except _MISTAKES as error:
        if error.filename is None:
            raise
        raise _Sentence(f"{(error.strerror or str(error)).lower()}: '{error.filename}': check the path") from error
    except ModuleNotFoundError as error:
        extra = extra_with(error.name or "")
        if extra is None:
            raise
        raise _Sentence(
            f"'{ctx.info_name}' needs {error.name}, which is not installed: pip install 'amulet-ai[{extra}]'"
        ) from error
    except KeyboardInterrupt:
        click.echo("\ninterrupted", err=True)
        ctx.exit(130)


class Group(click.Group):
    """Commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        with _guarded(ctx):
            return super().invoke(ctx)


class _Command(click.Command):
    def invoke(self, ctx: click.Context) -> object:
        with _guarded(ctx):
            asked = ctx.params.pop("verbose", False)
            above = ctx.parent
            while above is not None:
                asked = asked or above.params.get("verbose", False)
                above = above.parent
            configure(verbose=bool(asked))
            return super().invoke(ctx)


def declare(name: str, *, example: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Declare a command.

    Parameters
    ----------
    name
        Its name under ``amulet-ai``.
    example
        One or more lines that a user could type, shown at the end of ``--help``.
    """

    def make(function: Callable[..., Any]) -> click.Command:
        made = click.command(
            name,
            cls=_Command,
            context_settings=GROUP_SETTINGS,
            epilog="\b\nExample:\n" + "\n".join(f"  {line}" for line in example.splitlines()),
        )(function)
        made.params.append(VERBOSE)
        return version(made)

    return make
