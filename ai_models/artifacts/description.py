"""What `bundle.json` says: its numbered formats, and what must stand in each before anything is made of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ai_models.artifacts import format_2
from ai_models.artifacts.canonical import canonical, read_canonical
from ai_models.core.errors import BundleError

__all__ = ["DESCRIPTION", "FORMAT", "SIGNATURE", "STAGE_FOLDERS", "encode", "parse"]

FORMAT = 3
DESCRIPTION = "bundle.json"
SIGNATURE = "model.sig"
STAGE_FOLDERS = ("inspection", "data", "report")
"""What the other stages of a whole run keep in the model directory; no signature covers it."""

_KEYS = {
    "format": int,
    "model_version": int,
    "amulet_ai": str,
    "python": str,
    "libraries": dict,
    "classes": list,
    "feature_digest": str,
    "model_digest": str,
    "files": dict,
}
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}[A-Za-z0-9]", re.ASCII)
_LARGEST = 2**53 - 1


def encode(bundle: Mapping[str, Any]) -> bytes:
    """Return the bytes of ``bundle.json``, which are the only ones that `parse` takes.

    Raises
    ------
    ValueError
        When something in it is not what it must be, such as a file's name with a slash.
    """
    _require(bundle)
    return canonical(dict(bundle))


def parse(data: bytes, place: object) -> dict[str, Any]:
    """Return what ``bundle.json`` says.

    Parameters
    ----------
    data
        Its bytes.
    place
        The folder, for the sentence.

    Raises
    ------
    BundleError
        When it is damaged, was written otherwise than training writes it, or is of a format that is not known here.
    """
    try:
        number = format_2.number_of(data)
        if number == format_2.FORMAT:
            return format_2.parse(data)
        if number == FORMAT:
            bundle = read_canonical(data)
            _require(bundle)
            return dict(bundle)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = f"{error.args[0]} is missing" if isinstance(error, KeyError) else error
        raise BundleError(f"'{place}/{DESCRIPTION}' is damaged ({why}): train again or restore a copy") from error
    raise BundleError(
        f"'{place}' has model format {str(number)[:20]}, this version reads {format_2.FORMAT} and {FORMAT}: "
        "install the version of amulet-ai that wrote it or train again"
    )


def _require(bundle: Any) -> None:
    """Raise ValueError unless everything is there, nothing else is, and each is what it must be."""
    if not isinstance(bundle, Mapping) or set(bundle) != set(_KEYS):
        raise ValueError(f"it must hold {', '.join(_KEYS)} and nothing else")
    for name, kind in _KEYS.items():
        if not isinstance(bundle[name], kind) or isinstance(bundle[name], bool):
            raise ValueError(f"{name} must be a {kind.__name__}")
    if not 1 <= bundle["model_version"] <= _LARGEST:
        raise ValueError("model_version must be a whole number from 1 on")
    if not all(isinstance(n, str) and isinstance(v, str) for n, v in bundle["libraries"].items()):
        raise ValueError("libraries must be names and versions")
    if {"numpy", "scikit-learn"} - set(bundle["libraries"]):
        raise ValueError("the versions of numpy and scikit-learn are missing")
    if not bundle["classes"] or not all(isinstance(name, str) for name in bundle["classes"]):
        raise ValueError("classes must be names")
    if not all(_DIGEST.fullmatch(bundle[name]) for name in ("feature_digest", "model_digest")):
        raise ValueError("a digest must be 64 hexadecimal digits")
    _require_files(bundle["files"])


def _require_files(files: Mapping[str, Any]) -> None:
    for name, entry in files.items():
        if not _NAME.fullmatch(name) or name.casefold() in {DESCRIPTION, SIGNATURE, *STAGE_FOLDERS}:
            raise ValueError(f"'{name}' is not a plain file name")
        if not isinstance(entry, Mapping) or set(entry) != {"bytes", "sha256"}:
            raise ValueError(f"'{name}' must have its size and SHA-256")
        size, digest = entry["bytes"], entry["sha256"]
        if type(size) is not int or not 0 <= size <= _LARGEST or not isinstance(digest, str):
            raise ValueError(f"the size or hash of '{name}' is not what it should be")
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"the hash of '{name}' is not a SHA-256")
    if len({name.casefold() for name in files}) != len(files):
        raise ValueError("two files differ in case alone")
    if "model.joblib" not in files:
        raise ValueError("'model.joblib' is missing")
