"""Logging as a program of the command line wants it: to stderr, level from LOG_LEVEL."""

from __future__ import annotations

import logging
import os

from ai_models.core.errors import ConfigError

__all__ = ["LEVELS", "configure", "get_logger"]

_HANDLER = "amulet-ai"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def get_logger(name: str) -> logging.Logger:
    """Return the logger of a module of this package."""
    return logging.getLogger(name)


def configure(*, verbose: bool = False) -> None:
    """Send this package's log to stderr.

    Parameters
    ----------
    verbose
        DEBUG, whatever ``LOG_LEVEL`` says; otherwise ``LOG_LEVEL`` (default WARNING).

    Raises
    ------
    ConfigError
        When ``LOG_LEVEL`` names no level.
    """
    level = os.environ.get("LOG_LEVEL", "WARNING").upper()
    if level not in LEVELS:
        raise ConfigError([f"LOG_LEVEL must be one of {', '.join(LEVELS)}, got {level!r}"])
    package = logging.getLogger("ai_models")
    package.setLevel("DEBUG" if verbose else level)
    if not any(handler.name == _HANDLER for handler in package.handlers):
        handler = logging.StreamHandler()
        handler.set_name(_HANDLER)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        package.addHandler(handler)
        package.propagate = False
