"""What is known of how a photograph was made and stored, and that as numbers, one small matrix a trait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_models.core.images import Probe, examine
from ai_models.shortcuts.frame import describe_frame, frame_matrix

__all__ = ["REMEDIES", "TRAITS", "Traits", "read_traits"]


@dataclass(frozen=True, slots=True)
class Traits:
    """One readable photograph without its object.

    Attributes
    ----------
    probe
        What the file says: sizes, bytes, camera, quality.
    frame
        Its outermost pixels, as `describe_frame` puts them.
    """

    probe: Probe
    frame: bytes


def read_traits(path: Path) -> Traits | None:
    """Look at a file; None where it cannot be read as an image."""
    probe, image = examine(path)
    return None if image is None else Traits(probe, describe_frame(image))


def _frame(rows: Sequence[Traits]) -> NDArray[np.float64]:
    return frame_matrix([row.frame for row in rows])


def _size(rows: Sequence[Traits]) -> NDArray[np.float64]:
    sides = np.log([[row.probe.width, row.probe.height] for row in rows])
    return _standardised(np.stack([sides.sum(axis=1), sides[:, 0] - sides[:, 1]], axis=1))


def _quality(rows: Sequence[Traits]) -> NDArray[np.float64]:
    return _standardised(np.array([[row.probe.jpeg_quality] for row in rows], dtype=np.float64))


def _bytes(rows: Sequence[Traits]) -> NDArray[np.float64]:
    total = np.log([row.probe.bytes for row in rows])
    per_pixel = total - np.log([row.probe.width * row.probe.height for row in rows])
    return _standardised(np.stack([total, per_pixel], axis=1))


def _camera(rows: Sequence[Traits]) -> NDArray[np.float64]:
    return _one_hot([row.probe.camera for row in rows])


def _format(rows: Sequence[Traits]) -> NDArray[np.float64]:
    return _one_hot([f"{row.probe.format} {row.probe.mode}" for row in rows])


def _one_hot(names: Sequence[str]) -> NDArray[np.float64]:
    _, code = np.unique(np.array(names, dtype=np.str_), return_inverse=True)
    return np.eye(int(code.max()) + 1)[code]


def _standardised(table: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = table.std(axis=0)
    return np.asarray((table - table.mean(axis=0)) / np.where(spread > 1e-9, spread, np.inf), dtype=np.float64)


TRAITS: dict[str, Callable[[Sequence[Traits]], NDArray[np.float64]]] = {
    "border pixels": _frame,
    "image size": _size,
    "JPEG quality": _quality,
    "file size": _bytes,
    "camera": _camera,
    "file format": _format,
}
"""Name -> rows to float64 (n, d), scaled so that Euclidean distances mean something; labels play no part in it."""

REMEDIES = {
    "border pixels": "photograph all classes before the same backgrounds",
    "image size": "crop or resize all classes in one way",
    "JPEG quality": "save all classes at one quality",
    "file size": "save all classes in one way, at one size and quality",
    "camera": "photograph all classes with the same cameras",
    "file format": "save all classes in one format and colour mode",
}
"""Trait -> what to do where it tells the class."""
