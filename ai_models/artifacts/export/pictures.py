"""Pictures that networks are compared on: photographs where there are any, altered until there are enough."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_models.artifacts.bundle import read_file
from ai_models.classifier import HybridClassifier
from ai_models.core.errors import DataError, ImageError
from ai_models.core.images import read_bytes, walk_images
from ai_models.core.paths import require_dir
from ai_models.core.records import Manifest
from ai_models.core.rng import generator
from ai_models.core.settings import PreprocessConfig
from ai_models.features.working import working_image

__all__ = ["given_photographs", "training_photographs", "widened"]

_MOST_PHOTOGRAPHS = 250


def given_photographs(model: HybridClassifier, folder: Path, side: int) -> list[NDArray[np.uint8]]:
    """Return squares of the photographs in a folder, uint8 (side, side, 3) each.

    Raises
    ------
    DataError
        When none can be read.
    """
    root = require_dir(folder, what="--data-dir")
    found = _read(model, [root / path for path in sorted(walk_images(root))], side)
    if not found:
        raise DataError(f"'{folder}' holds no image that can be read: name another --data-dir, or none")
    return found


def training_photographs(
    directory: str | os.PathLike[str], model: HybridClassifier, side: int
) -> list[NDArray[np.uint8]]:
    """Return squares of the training photographs that are still where they were; none where they are not."""
    root = Path(str(json.loads(read_file(directory, "training_config.json")).get("data_root", "")))
    if not root.is_dir():
        return []
    files = [Path(os.fspath(file)) for file in Manifest.load(Path(directory) / "manifest.csv", root=root).files]
    return _read(model, [file for file in files if file.is_file()], side)


def _read(model: HybridClassifier, files: Sequence[Path], side: int) -> list[NDArray[np.uint8]]:
    """Return the squares of at most `_MOST_PHOTOGRAPHS` files, spread evenly; unreadable ones are passed over."""
    step = max(1, -(-len(files) // _MOST_PHOTOGRAPHS))
    found = []
    for file in files[::step]:
        try:
            found.append(working_image(read_bytes(file), side, model.extractor.preprocess or PreprocessConfig()))
        except (ImageError, OSError):
            continue
    return found


def widened(pictures: Sequence[NDArray[np.uint8]], count: int) -> NDArray[np.uint8]:
    """Return pictures and altered ones of them: uint8 (count, side, side, 3), the same in every call.

    Altered are the place (moved around the edges), the side (mirrored), the brightness and the contrast.

    Parameters
    ----------
    pictures
        At least one, uint8 (side, side, 3), RGB, all of one side.
    count
        How many to return.
    """
    made = list(pictures[:count])
    side = pictures[0].shape[0]
    while len(made) < count:
        rng = generator(0, "export pictures", len(made))
        picture = pictures[len(made) % len(pictures)].astype(np.float64)
        down, right = rng.integers(-side // 8, side // 8 + 1, size=2)
        picture = np.roll(picture, (down, right), axis=(0, 1))[:, :: 1 if rng.random() < 0.5 else -1]
        contrast, brightness = rng.uniform(0.7, 1.3), rng.uniform(-25, 25)
        made.append(np.clip((picture - 128) * contrast + 128 + brightness, 0, 255).astype(np.uint8))
    return np.stack(made)
