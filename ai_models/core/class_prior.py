"""How frequent classes are where a model is used: as in training, all alike, or as a table says."""

from __future__ import annotations

import csv
import difflib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import ConfigError, DataError

__all__ = ["TRAINING", "UNIFORM", "prior_ratio"]

TRAINING, UNIFORM = "training", "uniform"


def prior_ratio(prior: str, classes: Sequence[str], trained_on: Mapping[str, int]) -> NDArray[np.float64]:
    """Return how much more frequent each class is in use than it was in training, float64 (k,).

    Parameters
    ----------
    prior
        ``training``, ``uniform``, or a CSV file with the columns ``class,share`` that names every class once; shares
        are positive and need not sum to 1.
    classes
        The model's classes, in the order of its columns.
    trained_on
        Class -> photographs that it was fitted on.

    Raises
    ------
    ConfigError
        When it is none of these.
    DataError
        When the file cannot be read, or its classes or shares do not fit.
    """
    if prior == TRAINING:
        return np.ones(len(classes))
    frequency = np.array([trained_on[name] for name in classes], dtype=np.float64)
    wanted = np.ones(len(classes)) if prior == UNIFORM else _shares(Path(prior), classes)
    return np.asarray((wanted / wanted.sum()) / (frequency / frequency.sum()))


def _shares(file: Path, classes: Sequence[str]) -> NDArray[np.float64]:
    if not file.is_file():
        raise ConfigError(
            [f"class_prior must be {TRAINING}, {UNIFORM} or a CSV file with the columns class,share, got '{file}'"]
        )
    try:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"'{file}' must be a UTF-8 CSV file, but cannot be read ({error}): check it") from error
    if not rows or not {"class", "share"} <= set(rows[0]):
        raise DataError(f"'{file}' must have the columns class,share and a row for each class")
    found: dict[str, float] = {}
    for row in rows:
        name = row["class"] or ""
        if name not in classes or name in found:
            near = difflib.get_close_matches(name, [c for c in classes if c not in found], 1)
            hint = f", did you mean '{near[0]}'?" if near else f": the classes are {', '.join(classes)}"
            raise DataError(f"'{file}' must name each class of the model once, got '{name}'{hint}")
        found[name] = _positive(row["share"] or "", name, file)
    missing = [name for name in classes if name not in found]
    if missing:
        raise DataError(f"'{file}' has no share for the class '{missing[0]}': add a row for it")
    return np.array([found[name] for name in classes])


def _positive(text: str, name: str, file: Path) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise DataError(f"the share of '{name}' in '{file}' must be a number above 0, got '{text}'")
    return value
