"""A model directory that is not finished yet: told by a folder in it that keeps work until the model is there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ai_models.artifacts.bundle import MODEL_FILES
from ai_models.artifacts.description import STAGE_FOLDERS
from ai_models.artifacts.golden import GOLDEN_FILE
from ai_models.artifacts.skops_copy import SKOPS_FILE
from ai_models.core.paths import prepare_output_dir, remove_parts, write_text
from ai_models.crossfit.checkpoints import Checkpoints

__all__ = ["STAGE_FOLDERS", "TRAINING_FILES", "UNFINISHED", "ModelDir", "is_unfinished"]

TRAINING_FILES = (
    "training_config.json", "metrics.json", "manifest.csv", "training_features.npy", "oof_predictions.csv",
    "MODEL_CARD.md", GOLDEN_FILE, SKOPS_FILE,
)  # fmt: skip
"""What training writes beside the objects of a bundle."""
UNFINISHED = ".unfinished"
_BUNDLE = "bundle.json"
_NEW = "new"
"""In `UNFINISHED`: a training began here without a model; one that is there now is its own, stopped at the very end."""
_RUN = "run"
"""In `UNFINISHED`: a whole run began here, without any folder of its stages: what lies in them is its own."""


def is_unfinished(folder: str | os.PathLike[str]) -> bool:
    """Return whether a training or a whole run was stopped here before its model or report was whole."""
    place = Path(folder) / UNFINISHED
    own = any((place / name).is_file() for name in (_NEW, _RUN))
    return own or (place.is_dir() and not (Path(folder) / _BUNDLE).exists())


class ModelDir:
    """The folder of a model in the making; opened again after a stop, it goes on.

    Parameters
    ----------
    path
        The folder; made where it is missing. It may hold what other stages of a whole run, or a stopped training, left.
    overwrite
        Whether the user asked to replace an earlier model.
    whole_run
        Whether all stages write here, and not training alone.

    Attributes
    ----------
    path
        The folder.
    resumed
        Whether a whole run goes on here: what its stages left is its own to replace.

    Raises
    ------
    OutputError
        As `ai_models.core.paths.prepare_output_dir`.
    """

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool = False, whole_run: bool = False) -> None:
        place = Path(path) / UNFINISHED
        beside: tuple[str, ...] = (*STAGE_FOLDERS, UNFINISHED)
        if place.is_dir():  # something was stopped here, perhaps while it wrote the model
            beside += (*MODEL_FILES, *TRAINING_FILES)
        self.resumed = whole_run and (place / _RUN).is_file()
        own = self.resumed or (place / _NEW).is_file()
        self.path = prepare_output_dir(path, ours=_BUNDLE, overwrite=overwrite or own, beside=beside)
        self.checkpoints = Checkpoints(self.path / UNFINISHED)
        self.checkpoints.begin()
        fresh = not any((self.path / name).exists() for name in STAGE_FOLDERS)
        if whole_run and fresh and not self.resumed:
            write_text(place / _RUN, "")
        elif not whole_run and not (place / _RUN).is_file() and not (self.path / _BUNDLE).exists():
            write_text(place / _NEW, "")

    def stage(self, name: str, *, ours: str) -> Path:
        """Return the folder of a stage; what a stopped run left of it half done is removed.

        Parameters
        ----------
        name
            One of `STAGE_FOLDERS`.
        ours
            The file that the stage writes last.
        """
        folder = self.path / name
        if self.resumed and folder.is_dir() and not (folder / ours).exists():
            shutil.rmtree(folder)
        return folder

    def finish(self) -> None:
        """Remove what was kept for a next start; the model is whole."""
        self.checkpoints.clear()
        remove_parts(self.path)
