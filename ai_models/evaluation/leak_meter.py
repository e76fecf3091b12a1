"""What a careless split would have promised for the model's own photographs, beside what new objects get."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import DataError
from ai_models.core.images import RGBImage, decode, read_bytes, resize
from ai_models.core.progress import progress
from ai_models.core.records import Manifest
from ai_models.core.rng import generator
from ai_models.core.settings import AugmentationConfig, EvaluationConfig, FeatureConfig
from ai_models.crossfit.protocols import PROTOCOLS, PhotographRows, hits_by_protocol
from ai_models.evaluation.figures import LEVEL, as_json, draws_of, interval
from ai_models.evaluation.plain_features import plain_features
from ai_models.evaluation.scoring import Model
from ai_models.execution import map_ordered
from ai_models.metrics import Interval, clopper_pearson, grouped_bootstrap_many, grouped_share, square_and_add
from ai_models.transforms import augment, preset_for

__all__ = ["leak_figures", "leak_sentence"]

_FOLDS, _REPEATS, _QUICK_REPEATS = 5, 5, 2
_BATCH = 64  # photographs whose copies are in memory at once


def leak_figures(model: Model, rows: Manifest, config: EvaluationConfig) -> dict[str, Any]:
    """Return the balanced accuracy of the baseline under each protocol, and the gaps, with 95 % intervals.

    Parameters
    ----------
    model
        Its feature extractor is used, with the cache where it has one; its vote is not.
    rows
        Photographs with label and group: training and held-out ones alike, for the baseline is fitted anew.
    config
        Draws, seed, workers; quick mode averages two draws of the folds instead of five.

    Returns
    -------
    dict
        Plain values, ready for JSON. All intervals come from the same redraws of whole objects, so that gaps are
        paired; the fits are not repeated, and what another draw of the training objects would change is not in them.

    Raises
    ------
    DataError
        When too few of the photographs are where they were.
    """
    features = plain_features(model, rows.files, label="leak meter")
    kept = replace(rows, records=tuple(rows.records[i] for i in features.readable))
    if len(set(kept.labels.tolist())) < 2:
        raise DataError(
            f"the leak meter needs the photographs that the model was trained on, and {len(kept)} of {len(rows)} can "
            f"be read in '{rows.root}': put them back, or leave out --leak-meter"
        )
    classes, codes = np.unique(kept.labels, return_inverse=True)
    y = codes.astype(np.int64)
    preset = preset_for(len(kept))
    copies, parents = _copies(model, kept.files, preset, config)
    found = hits_by_protocol(
        PhotographRows(features.X, y, kept.groups, copies, parents),
        folds=_FOLDS,
        repeats=_QUICK_REPEATS if config.quick else _REPEATS,
        seed=config.seed,
        workers=config.workers,
        label="leak meter",
    )
    return {
        "images": len(kept),
        "groups": len(set(kept.groups.tolist())),
        "classes": len(classes),
        "blocks": list(features.blocks),
        "copies": len(parents),
        "preset": preset,
        "folds": found.folds,
        "repeats": found.repeats,
        **_with_intervals(found.hits, y, kept.groups, config),
    }


def leak_sentence(found: dict[str, Any]) -> str:
    """Return what the gaps mean for these photographs."""
    naive, grouped, gap = (interval(found[name]) for name in ("naive", "grouped", "naive_gap"))
    images, objects = found["images"], found["groups"]
    copied = _copied(interval(found["augmented"]), interval(found["augmented_gap"]))
    if images == objects:
        return (
            f"Each of the {images} photographs counts as an object of its own, so a split by rows can promise nothing "
            f"false ({naive} against {grouped}).{copied} If some show the same object, give --groups "
            "to train."
        )
    start = (
        f"A split of the {images} photographs by rows would have promised a balanced accuracy of {naive}; "
        f"on objects that were not trained on, the same classifier reaches {grouped}. "
    )
    if gap.low > 0:
        return start + (
            f"{gap} of that promise is knowledge of the {objects} "
            f"objects themselves, which a new object does not have.{copied}"
        )
    return start + f"With {objects} objects the gap of {gap} cannot be told from none.{copied}"


def _copied(promised: Interval, gap: Interval) -> str:
    if not gap.low > 0:
        return ""
    return f" Copies made before the split would have promised {promised}, too much by {gap}."


def _with_intervals(
    hits: dict[str, NDArray[np.float64]], y: NDArray[np.int64], groups: NDArray[np.str_], config: EvaluationConfig
) -> dict[str, Any]:
    table = np.stack([hits[protocol] for protocol in PROTOCOLS])

    def statistics(rows: NDArray[np.intp]) -> NDArray[np.float64]:
        sizes = np.bincount(y[rows], minlength=y.max() + 1)
        there = sizes > 0
        sums = np.stack([np.bincount(y[rows], weights=row[rows], minlength=len(sizes)) for row in table])
        balanced = (sums[:, there] / sizes[there]).mean(axis=1)
        return np.concatenate([balanced, balanced[:2] - balanced[2]])

    drawn = grouped_bootstrap_many(statistics, groups, draws=draws_of(config), seed=config.seed, level=LEVEL)
    figures = {
        protocol: value.hull(
            square_and_add([grouped_share(hits[protocol][y == c], groups[y == c], LEVEL) for c in np.unique(y)])
        )
        for protocol, value in zip(PROTOCOLS, drawn, strict=False)
    }
    figures |= {f"{name}_gap": _open(value, groups) for name, value in zip(PROTOCOLS, drawn[3:], strict=False)}
    return {name: as_json(value) for name, value in figures.items()}


def _open(gap: Interval, groups: NDArray[np.str_]) -> Interval:
    """Widen a gap without width (no photograph differs) by what so many objects cannot exclude."""
    if gap.low != gap.high:
        return gap
    unseen = clopper_pearson(0, len(set(groups.tolist())), LEVEL).high
    return gap._replace(low=gap.estimate - unseen, high=gap.estimate + unseen)


def _copies(
    model: Model, files: Sequence[Path], preset: str, config: EvaluationConfig
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the features of augmented copies, float32 (m, d), and the photograph that each was made of."""
    side = max((model.extractor.config or FeatureConfig()).image_sizes)
    number = round(AugmentationConfig().augmentation_factor)

    def copied(file: Path) -> list[RGBImage]:
        return _augmented(file, side, preset, number, config.seed)

    parts = []
    starts = range(0, len(files), _BATCH)
    for start in progress(starts, total=len(starts), label="copies", unit="batch"):
        made = map_ordered(copied, files[start : start + _BATCH], workers=config.workers)
        parts.append(plain_features(model, [image for of_one in made for image in of_one]).X)
    return np.concatenate(parts), np.repeat(np.arange(len(files)), number)


def _augmented(file: Path, side: int, preset: str, number: int, seed: int) -> list[RGBImage]:
    """Return copies of the (largest) square that features see, so that those of a batch fit into memory."""
    data = read_bytes(file)
    image = resize(decode(data, size=side), side)
    digest = hashlib.sha256(data).hexdigest()
    return [
        augment(image, preset=preset, rng=generator(seed, "leak meter, copies", digest, i))[0] for i in range(number)
    ]
