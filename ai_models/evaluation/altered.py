"""Changed versions of photographs through the whole saved model, and the figures of one such condition."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import DataError, ImageError
from ai_models.core.images import RGBImage, decode, read_bytes
from ai_models.core.predictions import Predictions
from ai_models.core.progress import progress
from ai_models.core.settings import EvaluationConfig, FeatureConfig
from ai_models.evaluation.detection import detection_figures
from ai_models.evaluation.figures import LEVEL, as_json, figures
from ai_models.evaluation.scoring import Foreign, Model, Scored
from ai_models.execution import map_ordered
from ai_models.metrics import Interval, clopper_pearson, nll_losses, paired_difference
from ai_models.metrics.special import student_quantile

__all__ = ["Change", "Judged", "condition_figures", "judge_changed", "paired_changes", "seen_size", "unmeasured"]

Change = Callable[[RGBImage, str], RGBImage | None]
"""A photograph (uint8 (h, w, 3), RGB) and the SHA-256 of its file -> a version of it; None where there is none."""
_BATCH = 8  # photographs whose versions are in memory at once
_KEPT = ("accuracy", "balanced_accuracy", "nll", "brier", "ece", "ece_floor", "set_coverage", "set_size")


@dataclass(frozen=True)
class Judged:
    """What the model says of one version of the photographs.

    Attributes
    ----------
    places
        int64 (m,): which of the photographs have this version, ascending.
    predictions
        m rows.
    """

    places: NDArray[np.int64]
    predictions: Predictions


def judge_changed(
    model: Model, files: Sequence[Path], changes: Mapping[str, Change], *, workers: int, label: str
) -> dict[str, Judged]:
    """Let the model judge each version of each photograph; every photograph is read once.

    A photograph is reduced so that its short side is what the features see, and then changed: strengths mean the
    same for small and large photographs. Features of versions are not kept in the cache.

    Parameters
    ----------
    model
        Reads, describes and judges.
    files
        n photographs.
    changes
        Name -> the change that makes the version.
    workers
        Threads; 0 for one a core.
    label
        Text of the progress bar.

    Raises
    ------
    DataError
        When a file cannot be read any more.
    """
    extractor = copy.copy(model.extractor)  # shares the network, not the settings
    settings = extractor.config or FeatureConfig()
    extractor.config = settings.replace(cache_features=False)
    side = max(settings.image_sizes)

    def versions(file: Path) -> list[RGBImage | None]:
        try:
            data = read_bytes(file)
            image = seen_size(decode(data, size=side), side)
        except ImageError as error:
            raise DataError(f"'{file}' cannot be read any more ({error}): put it back") from error
        digest = hashlib.sha256(data).hexdigest()
        return [change(image, digest) for change in changes.values()]

    places: dict[str, list[int]] = {name: [] for name in changes}
    parts: dict[str, list[Predictions]] = {name: [] for name in changes}
    starts = range(0, len(files), _BATCH)
    for start in progress(starts, total=len(starts), label=label, unit="batch"):
        made = list(map_ordered(versions, files[start : start + _BATCH], workers=workers))
        own = [(name, start + i, v[j]) for j, name in enumerate(changes) for i, v in enumerate(made)]
        there = [(name, place, image) for name, place, image in own if image is not None]
        if not there:
            continue
        raw = extractor.extract_raw([image for *_, image in there], on_error="raise", label="")
        judged = model.judge_raw(raw)
        names = np.array([name for name, *_ in there])
        for name in dict.fromkeys(names.tolist()):
            mine = np.flatnonzero(names == name)
            places[name] += [there[i][1] for i in mine.tolist()]
            parts[name].append(judged.take(mine))
    return {
        name: Judged(np.array(places[name], dtype=np.int64), Predictions.concatenated(parts[name]))
        for name in changes
        if parts[name]
    }


def seen_size(image: RGBImage, side: int) -> RGBImage:
    """Return an image whose short side has at most `side` pixels, its aspect kept."""
    scale = side / min(image.shape[:2])
    if scale >= 1:
        return image
    height, width = (max(1, round(n * scale)) for n in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def condition_figures(
    y: NDArray[np.int64],
    predictions: Predictions,
    groups: NDArray[np.str_],
    foreign: Sequence[Foreign],
    config: EvaluationConfig,
) -> dict[str, Any]:
    """Return the figures of one condition: accuracy, loss, calibration, sets and unknown objects, with intervals.

    Parameters
    ----------
    y, predictions, groups
        n rows, n >= 1; several versions of a photograph may be among them, under its group.
    foreign
        Folders of foreign images, whose scores the known ones' are compared with.
    config
        Draws, bins, seed.
    """
    found = figures(y, predictions, groups, config)
    return {
        "images": found["images"],
        "groups": found["groups"],
        **{name: found[name] for name in _KEPT},
        "called_ood": found["verdicts"]["ood"],
        "auroc": {one.name: detection_figures(predictions, groups, one, config)["auroc"] for one in foreign},
    }


def paired_changes(
    y: NDArray[np.int64], before: Predictions, after: Predictions, groups: NDArray[np.str_]
) -> dict[str, Any]:
    """Return how accuracy and log loss change, after minus before, row by row; 95 % intervals by Student's t.

    Parameters
    ----------
    y, groups
        (n,).
    before, after
        The same n photographs in two versions.
    """
    right = [(p.probabilities.argmax(axis=1) == y).astype(np.float64) for p in (after, before)]
    losses = [nll_losses(y, p.probabilities) for p in (after, before)]
    return {
        "accuracy": as_json(_change(right[0], right[1], groups)),
        "nll": as_json(_change(losses[0], losses[1], groups)),
    }


def unmeasured(scored: Scored) -> str:
    """Return why changed photographs cannot be judged honestly; empty where they can."""
    if scored.rows.source != "out_of_fold":
        return ""
    return (
        "This model was fitted on every photograph that it has. Judged on changed versions of those it would look "
        "better than it is, so nothing is shown: give --test-data-dir with other photographs, or train with a "
        "--test-size above 0."
    )


def _change(after: NDArray[np.float64], before: NDArray[np.float64], groups: NDArray[np.str_]) -> Interval:
    found = paired_difference(after, before, groups)
    if found.groups < 2:
        return Interval(found.mean, float("nan"), float("nan"), LEVEL)
    half = student_quantile(0.5 + LEVEL / 2, found.groups - 1) * found.se
    if half == 0:  # no photograph differs: what so many objects cannot exclude
        half = clopper_pearson(0, found.groups, LEVEL).high
    return Interval(found.mean, found.mean - half, found.mean + half, LEVEL)
