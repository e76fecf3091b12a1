"""Blocks by name: those of this package, those registered by a decorator, those of installed entry points."""

from __future__ import annotations

import difflib
from importlib.metadata import entry_points
from typing import TypeVar

from ai_models.core.errors import ConfigError
from ai_models.features.base import BaseFeatureExtractor

__all__ = ["ENTRY_POINT_GROUP", "register", "registered"]

ENTRY_POINT_GROUP = "amulet_ai.features"
"""Entry point group in which an installed package offers blocks: ``name = "package.module:Class"``."""

_BLOCKS: dict[str, type[BaseFeatureExtractor]] = {}

Block = TypeVar("Block", bound=type[BaseFeatureExtractor])


def register(cls: Block) -> Block:
    """Register a block under its ``name`` (class decorator).

    A fitted extractor pickles the block by its import path, so the module that defines it must be importable where
    the model is loaded.

    Raises
    ------
    ConfigError
        When the class has no name, or another class already has it.
    """
    name = getattr(cls, "name", "")
    if not isinstance(name, str) or not name.isidentifier():
        raise ConfigError([f"{cls.__name__}.name must be an identifier to register the block under, got {name!r}"])
    known = _BLOCKS.get(name)
    if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ConfigError([f"feature block '{name}' is already {known.__module__}.{known.__qualname__}: rename yours"])
    _BLOCKS[name] = cls
    return cls


def registered(name: str) -> type[BaseFeatureExtractor]:
    """Return the block of a name.

    Raises
    ------
    ConfigError
        When nothing has this name, with the nearest name that something has.
    """
    if name in _BLOCKS:
        return _BLOCKS[name]
    offered = entry_points(group=ENTRY_POINT_GROUP)
    for entry in offered:
        if entry.name == name:
            cls = entry.load()
            if not (isinstance(cls, type) and issubclass(cls, BaseFeatureExtractor)):
                raise ConfigError([f"entry point '{name}' ({entry.value}) must be a BaseFeatureExtractor, got {cls!r}"])
            return cls
    known = sorted({*_BLOCKS, *(entry.name for entry in offered)})
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
    raise ConfigError([f"unknown feature block '{name}': {hint}"])
