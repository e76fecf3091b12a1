"""The command line: each command parses, builds its settings and makes one call.

`main` is the installed program ``amulet-ai``; `script` runs one command as a program of its own, for the entry files.
A command's module is imported when the command is named.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import click

from ai_models.cli.command import GROUP_SETTINGS, VERBOSE, Group, version

__all__ = ["main", "script"]

COMMANDS = (
    "download", "inspect", "split", "augment", "extract", "train", "evaluate", "compare", "predict", "explain", "run",
    "cache", "model", "export", "serve", "keys", "deploy",
)  # fmt: skip
"""In the order of the pipeline; the command NAME is `command` in the module ``NAME_command``."""


class _Pipeline(Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _command(cmd_name) if cmd_name in COMMANDS else None


def _command(name: str) -> click.Command:
    command: click.Command = importlib.import_module(f"ai_models.cli.{name}_command").command
    return command


@click.group(
    cls=_Pipeline,
    params=[VERBOSE],
    context_settings=GROUP_SETTINGS,
    epilog="\b\nFrom a folder with one folder a class to a model, in one go:\n"
    "  amulet-ai run --data-dir photographs --output-dir saved_models/mine\n"
    "  amulet-ai predict --model-dir saved_models/mine new.jpg --output -\n"
    "\n\b\nEvery command explains itself:\n"
    "  amulet-ai train --help",
)
@version
def main(verbose: bool) -> None:
    """From a small folder of photographs to a calibrated classifier that knows when it does not know.

    The commands stand in the order of the pipeline; each stage reads what the one before it wrote.
    """


def script(*names: str) -> None:
    """Run one command, or a few of them as subcommands, as a program of its own.

    Parameters
    ----------
    names
        Commands of `main`.
    """
    as_module = sys.modules["__main__"].__package__  # then click finds "python -m ..." by itself
    program = None if as_module else Path(sys.argv[0]).name
    commands = {name: _command(name) for name in names}
    if len(commands) > 1:
        made: click.Command = version(Group(commands=commands, params=[VERBOSE], context_settings=GROUP_SETTINGS))
    else:
        made = commands[names[0]]
    made.main(prog_name=program)
