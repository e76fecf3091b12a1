"""Reader of format 2: `bundle.json` indented, without a version of the model, and never signed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["FORMAT", "number_of", "parse"]

FORMAT = 2
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}[A-Za-z0-9]", re.ASCII)


def number_of(data: bytes) -> object:
    """Return the format number of any ``bundle.json``.

    Raises
    ------
    ValueError, TypeError, KeyError
        When it is not JSON, or has none.
    """
    return _read(data)["format"]


def _read(data: bytes) -> Any:
    return json.loads(data.decode("utf-8"), object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands there twice")
    return dict(pairs)


def parse(data: bytes) -> dict[str, Any]:
    """Return what a ``bundle.json`` of format 2 says; its ``model_version`` is 1.

    Raises
    ------
    ValueError, TypeError, KeyError
        When something is missing or not what it should be.
    """
    bundle = _read(data)
    for name, entry in (("model.joblib", bundle["files"]["model.joblib"]), *bundle["files"].items()):
        if type(entry["bytes"]) is not int or not isinstance(entry["sha256"], str):
            raise ValueError("a file's size or hash is not what it should be")
        if not _NAME.fullmatch(name):
            raise ValueError(f"'{name}' is not a plain file name")
    if not isinstance(bundle["libraries"], Mapping):
        raise TypeError("libraries must be names and versions")
    for name in ("numpy", "scikit-learn"):
        str(bundle["libraries"][name])
    for key in ("amulet_ai", "feature_digest", "model_digest", "classes"):
        bundle[key]
    return {**bundle, "model_version": 1}
