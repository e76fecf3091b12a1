"""Where a label and a side come from: the folders that an image lies in."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ai_models.core.records import Split

__all__ = ["Layout", "empty_classes"]

SIDES = {"train": Split.TRAIN, "val": Split.VAL, "valid": Split.VAL, "validation": Split.VAL, "test": Split.TEST}
"""Names of top folders that are sides of a split, in any case."""


@dataclass(frozen=True)
class Layout:
    """How the folders of a data set are read.

    Attributes
    ----------
    kind
        ``classes`` (root/<class>/**/img), ``split`` (root/{train,val,test}/<class>/**/img) or ``flat`` (no labels).
    """

    kind: str

    @classmethod
    def of(cls, paths: Iterable[str]) -> Layout:
        """Recognise the layout of images by their paths relative to the root."""
        tops = {path.split("/", 1)[0] for path in paths if "/" in path}
        if not tops:
            return cls("flat")
        return cls("split" if all(top.casefold() in SIDES for top in tops) else "classes")

    def place(self, path: str) -> tuple[str, Split]:
        """Return the label and the side of one image, ``""`` and `Split.UNASSIGNED` where the folders say none."""
        parts = path.split("/")
        if self.kind == "split" and len(parts) > 1:
            return (parts[1] if len(parts) > 2 else ""), SIDES[parts[0].casefold()]
        return (parts[0] if len(parts) > 1 else ""), Split.UNASSIGNED


def empty_classes(root: Path, layout: Layout, paths: Iterable[str]) -> list[str]:
    """Return the folders at the level of classes that hold none of the images, relative to the root."""
    if layout.kind == "flat":
        return []
    depth = 1 if layout.kind == "classes" else 2
    held = {"/".join(path.split("/")[:depth]) for path in paths}
    above = [""] if depth == 1 else [f"{name}/" for name in _folders(root) if name.casefold() in SIDES]
    return sorted(side + name for side in above for name in _folders(root / side) if side + name not in held)


def _folders(parent: Path) -> Sequence[str]:
    """Return the names of folders and of links to folders; a link that leads nowhere is none."""
    try:
        names = os.listdir(parent)
    except OSError:  # not ours to list; what cannot be listed is named among the other files
        return []
    return sorted(name for name in names if not name.startswith(".") and os.path.isdir(parent / name))
