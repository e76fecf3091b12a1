"""Rows that may be fitted on, with what keeps copies and objects apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ai_models.core.records import Manifest
from ai_models.crossfit.copy_check import CopyCheck
from ai_models.crossfit.label_probes import LabelProbes
from ai_models.transforms import BACKGROUND

__all__ = ["FittingRows"]


@dataclass(frozen=True)
class FittingRows:
    """Rows that may be fitted on: photographs and their copies, with what keeps them apart.

    Attributes
    ----------
    y
        int64 (n,), labels in [0, k).
    groups
        (n,), the physical object.
    folds
        int64 (n,), the fold in which a photograph is scored; a copy has its parent's.
    parents
        int64 (n,), row of the photograph that a copy was made of, -1 for a photograph.
    classes
        Class names, in the order of the labels.
    check
        Which copies are fit to be fitted on; None where that cannot be told.
    elsewhere
        Whether there are copies that show their object on another background.
    """

    y: NDArray[np.int64]
    groups: NDArray[np.str_]
    folds: NDArray[np.int64]
    parents: NDArray[np.int64]
    classes: tuple[str, ...]
    check: CopyCheck | None = None
    elsewhere: bool = False

    @classmethod
    def of(cls, manifest: Manifest, probes: LabelProbes | None = None) -> FittingRows:
        """Return the rows of a manifest; every row must have a label and a fold.

        Parameters
        ----------
        manifest
            Photographs and their copies.
        probes
            What the label check of the copies looks at, if they were made with one.
        """
        classes = tuple(manifest.classes)
        code = {c: i for i, c in enumerate(classes)}
        row_of = {r.path: i for i, r in enumerate(manifest)}
        return cls(
            y=np.array([code[r.label] for r in manifest], dtype=np.int64),
            groups=manifest.groups,
            folds=manifest.folds,
            parents=np.array([row_of[r.source_id] if r.source_id else -1 for r in manifest], dtype=np.int64),
            classes=classes,
            check=CopyCheck.of(manifest, probes) if probes is not None else None,
            elsewhere=any(BACKGROUND.name in r.extra.get("transforms", "").split("+") for r in manifest),
        )

    def __len__(self) -> int:
        return len(self.y)

    @property
    def photographs(self) -> NDArray[np.int64]:
        """Rows that are not copies."""
        return np.flatnonzero(self.parents < 0)

    def with_copies(self, photographs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the photographs and every copy of one of them that the label check, made on them alone, allows."""
        chosen = np.zeros(len(self) + 1, dtype=np.bool_)
        chosen[photographs] = True
        copies = np.flatnonzero((self.parents >= 0) & chosen[self.parents])
        if self.check is not None:
            copies = copies[~self.check.refused(photographs, copies, self.y)]
        chosen[copies] = True
        return np.flatnonzero(chosen)

    def refolded(self, folds: NDArray[np.int64]) -> FittingRows:
        """Return the rows with other folds, given for the photographs in order; copies follow their parents."""
        out = np.full(len(self), -1, dtype=np.int64)
        out[self.photographs] = folds
        copies = np.flatnonzero(self.parents >= 0)
        out[copies] = out[self.parents[copies]]
        return replace(self, folds=out)

    def take(self, rows: NDArray[np.int64]) -> FittingRows:
        """Return some of the rows; a copy may only be taken with its parent."""
        place = np.full(len(self) + 1, -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        parents = self.parents[rows]
        moved = np.where(parents >= 0, place[parents], -1)
        if ((parents >= 0) & (moved < 0)).any():
            raise ValueError("a copy was taken without the photograph it was made of")
        check = self.check.take(rows) if self.check is not None else None
        return FittingRows(
            self.y[rows], self.groups[rows], self.folds[rows], moved, self.classes, check, self.elsewhere
        )
