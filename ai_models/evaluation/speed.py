"""How long one image takes, stage by stage, with nothing cached."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ai_models.core.images import read_image
from ai_models.core.settings import FeatureConfig
from ai_models.evaluation.scoring import Model

__all__ = ["timings"]


def timings(model: Model, files: Sequence[Path], *, most: int) -> dict[str, Any]:
    """Time up to `most` images one by one, after one that warms up.

    Parameters
    ----------
    model
        Its feature cache is off meanwhile: what is timed is a photograph never seen before.
    files
        Readable images; `most` of them, evenly spread, are taken.
    most
        How many.

    Returns
    -------
    dict
        ``images``, the machine, and for each stage the median and the 95 % quantile in seconds. ``whole`` is
        `predict_one` from the file to the verdict; the stages are timed apart from it: ``read`` decodes the file,
        ``features`` is extraction from the file (reading included), ``vote`` is everything after features.
    """
    chosen = [files[i] for i in np.unique(np.linspace(0, len(files) - 1, min(most, len(files))).astype(int))]
    seconds: dict[str, list[float]] = {"read": [], "features": [], "vote": [], "whole": []}
    with _uncached(model):
        model.predict_one(chosen[0])
        for file in chosen:
            _timed(seconds["read"], lambda file=file: read_image(file))  # type: ignore[misc]
            raw = _timed(seconds["features"], lambda file=file: _raw(model, file))  # type: ignore[misc]
            _timed(seconds["vote"], lambda raw=raw: model.judge_raw(raw))  # type: ignore[misc]
            _timed(seconds["whole"], lambda file=file: model.predict_one(file))  # type: ignore[misc]
    return {
        "images": len(chosen),
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()},
        "seconds": {
            stage: {"median": float(np.median(values)), "p95": float(np.quantile(values, 0.95)), "most": max(values)}
            for stage, values in seconds.items()
        },
    }


def _raw(model: Model, file: Path) -> Any:
    return model.extractor.extract_raw([file], on_error="raise", label="")


def _timed(into: list[float], work: Callable[[], Any]) -> Any:
    start = time.perf_counter()
    result = work()
    into.append(time.perf_counter() - start)
    return result


@contextmanager
def _uncached(model: Model) -> Iterator[None]:
    before = model.extractor.config
    model.extractor.config = (before or FeatureConfig()).replace(cache_features=False)
    try:
        yield
    finally:
        model.extractor.config = before
