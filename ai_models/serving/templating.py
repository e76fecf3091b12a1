"""Files written from the templates beside this module: ``@{NAME}`` is filled in, ``@@`` is one ``@``."""

from __future__ import annotations

import string
from importlib import resources

__all__ = ["render"]


class _Template(string.Template):
    delimiter = "@"  # the dollar is taken in shells, compose files and nginx
    idpattern = "(?-i:[A-Z_]+)"


def render(name: str, **values: str) -> str:
    """Return a template with every place filled in.

    Parameters
    ----------
    name
        A file of ``templates/``.
    values
        Place -> text; each place must be given.
    """
    text = resources.files("ai_models.serving").joinpath("templates", name).read_text(encoding="utf-8")
    return _Template(text).substitute(values)
