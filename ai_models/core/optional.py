"""Imports that only some installations have."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from types import ModuleType

from ai_models.core.errors import MissingExtraError

__all__ = ["extra_with", "require"]


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional module, or say in one sentence how to get it.

    Parameters
    ----------
    module
        Dotted name, such as ``"torch"``.
    extra
        The extra of this package that installs it, such as ``"train"``.
    purpose
        What needs it, as the start of the sentence, such as ``"exporting a backbone"``.

    Raises
    ------
    MissingExtraError
        When the module cannot be found.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.split(".", maxsplit=1)[0]
        if error.name is None or error.name.split(".")[0] != package:
            raise  # a fault inside the module, not its absence
        raise MissingExtraError(
            f"{purpose} needs {package}, which is not installed: pip install 'amulet-ai[{extra}]'"
        ) from error


def extra_with(module: str) -> str | None:
    """Return the extra of this package that installs a module; None where none does.

    Parameters
    ----------
    module
        Dotted name; its package must bear the name of the distribution, as those of the extras for users do.
    """
    package = module.split(".", maxsplit=1)[0].lower()
    try:
        wanted = importlib.metadata.requires("amulet-ai") or []
    except importlib.metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return None
    for line in wanted:
        found = re.match(r"([\w.-]+).*extra == [\"'](\w+)[\"']", line)
        if found and found[2] != "dev" and found[1].lower().replace("-", "_") == package:
            return found[2]
    return None
