"""Settings: frozen dataclasses that check themselves, name every fault at once, and hash to one digest."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from ai_models.core.errors import ConfigError

__all__ = ["Config", "canonical_json", "setting"]


def setting(
    default: Any, help: str, *, ge: float | None = None, le: float | None = None, choices: tuple[str, ...] = ()
) -> Any:
    """Declare a setting with its default, its help text (the command line shows it) and what it may be.

    Parameters
    ----------
    default
        Value when nothing is given; its type is the setting's type.
    help
        One clause for ``--help`` and the documentation.
    ge, le
        Inclusive bounds of a number.
    choices
        The names that a text may be.
    """
    return field(default=default, metadata={"help": help, "ge": ge, "le": le, "choices": choices})


def canonical_json(value: Any) -> bytes:
    """Return JSON bytes that are equal for equal values: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8")


@dataclass(frozen=True)
class Config:
    """Base of every group of settings.

    Raises
    ------
    ConfigError
        On construction, listing every setting that is out of its bounds or of the wrong type.
    """

    def __post_init__(self) -> None:
        for f in dataclasses.fields(self):  # equal settings must hash alike: 1 for 1.0, a JSON list for a tuple
            value = getattr(self, f.name)
            if isinstance(f.default, float) and type(value) is int:
                object.__setattr__(self, f.name, float(value))
            elif isinstance(f.default, tuple) and isinstance(value, list):
                object.__setattr__(self, f.name, tuple(value))
        faults = self.faults()
        if faults:
            raise ConfigError(faults)

    def faults(self) -> list[str]:
        """Return one clause for each fault; subclasses add what spans several settings."""
        found = []
        for f in dataclasses.fields(self):
            fault = _fault(f, getattr(self, f.name))
            if fault:
                found.append(fault)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return dataclasses.asdict(self)

    def digest(self) -> str:
        """Return the SHA-256 (hex) of the class's name and settings, for cache keys and bundles."""
        return hashlib.sha256(canonical_json([type(self).__name__, self.to_dict()])).hexdigest()

    def replace(self, **changes: Any) -> Self:
        """Return the settings with some changed, checked again."""
        return dataclasses.replace(self, **changes)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values; an unknown name is answered with the nearest known one.

        Raises
        ------
        ConfigError
            Listing every unknown name and every fault.
        """
        known = [f.name for f in dataclasses.fields(cls)]
        faults = [_unknown(name, known) for name in values if name not in known]
        if faults:
            raise ConfigError(faults)
        return cls(**values)


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"unknown setting '{name}'" + (f": did you mean '{near[0]}'?" if near else f": known are {', '.join(known)}")


def _fault(f: dataclasses.Field[Any], value: Any) -> str | None:
    default, bounds = f.default, f.metadata
    if default is dataclasses.MISSING or dataclasses.is_dataclass(value):
        return None
    if default is None:
        if value is None:
            return None
    elif isinstance(default, bool) != isinstance(value, bool) or not isinstance(
        value, (int, float) if isinstance(default, float) else type(default)
    ):
        return f"{f.name} must be {type(default).__name__}, got {value!r}"
    choices = bounds.get("choices")
    if choices and value not in choices:
        near = difflib.get_close_matches(str(value), choices, n=1)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        return f"{f.name} must be one of {', '.join(choices)}, got {value!r}{hint}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _out_of_bounds(f.name, value, bounds.get("ge"), bounds.get("le"))
    return None


def _out_of_bounds(name: str, value: float, low: float | None, high: float | None) -> str | None:
    finite = not isinstance(value, float) or math.isfinite(value)
    if finite and (low is None or value >= low) and (high is None or value <= high):
        return None
    if low is None and high is None:
        return f"{name} must be a finite number, got {value!r}"
    span = f"at least {low:g}" if high is None else f"at most {high:g}" if low is None else f"in [{low:g}, {high:g}]"
    return f"{name} must be {span}, got {value!r}"
