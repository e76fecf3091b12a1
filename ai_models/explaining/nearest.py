"""The training photographs that look most like an image: evidence that a person can check by eye."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ai_models.core.records import ImageRecord
from ai_models.explaining.evidence import Evidence

__all__ = ["Nearest", "Neighbour", "nearest_photographs"]


class Neighbour(NamedTuple):
    """One training photograph.

    Attributes
    ----------
    record
        Its row of the manifest.
    file
        Where it lay in training; it need not be there any more.
    distance
        1 - cosine of the embeddings, in [0, 2]; 0 = the same.
    """

    record: ImageRecord
    file: Path
    distance: float


class Nearest(NamedTuple):
    """The training photographs that look most like an image.

    Attributes
    ----------
    neighbours
        Nearest first, one photograph an object.
    farther
        Share in [0, 1] of the training objects that lie farther from every other object than the image does from its
        nearest: near 0, the image is like nothing that was trained on.
    objects
        How many objects that share is of.
    """

    neighbours: tuple[Neighbour, ...]
    farther: float
    objects: int


def nearest_photographs(
    evidence: Evidence, unit: NDArray[np.float64], most: int, *, without_group: str | None = None
) -> Nearest:
    """Return the nearest photographs, the best one of each object.

    Parameters
    ----------
    evidence
        The training photographs.
    unit
        float64 (d,), the image, as a row of `unit_vectors`.
    most
        How many.
    without_group
        An object to pass over: the image's own where it was trained on.
    """
    distance = 1.0 - evidence.unit @ unit
    known = np.ones(len(evidence), dtype=np.bool_) if without_group is None else evidence.groups != without_group
    best: dict[str, int] = {}
    for i in np.argsort(distance, kind="stable").tolist():
        if known[i]:
            best.setdefault(str(evidence.groups[i]), i)
    chosen = list(best.values())[:most]
    neighbours = tuple(
        Neighbour(evidence.records[i], evidence.root / evidence.records[i].path, max(0.0, float(distance[i])))
        for i in chosen
    )
    usual = _nearest_other_object(evidence)
    farther = float((usual > neighbours[0].distance).mean()) if neighbours else 0.0
    return Nearest(neighbours, farther, len(usual))


def _nearest_other_object(evidence: Evidence) -> NDArray[np.float64]:
    """Return for each object the distance of its first photograph to the nearest photograph of another object."""
    _, first = np.unique(evidence.groups, return_index=True)
    distance = 1.0 - evidence.unit[first] @ evidence.unit.T
    distance[evidence.groups[first][:, None] == evidence.groups[None, :]] = np.inf
    return np.asarray(distance.min(axis=1))
