"""The photographs to look at: wrong ones, uncertain ones, foreign ones that slipped through."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ai_models.core.errors import ImageError
from ai_models.core.images import read_image
from ai_models.core.predictions import OodVerdict, Prediction
from ai_models.evaluation.explained_errors import surest_errors
from ai_models.evaluation.scoring import Foreign, Scored
from ai_models.reporting.page import GalleryItem
from ai_models.reporting.thumbnails import thumbnail

__all__ = ["doubted", "errors", "picture", "slipped_through"]

_SIDE = 176  # twice the shown size, for dense screens


def errors(scored: Scored, most: int) -> list[GalleryItem]:
    """Return the wrong predictions, the surest of them first (least probability on the true class)."""
    return [_item(scored, i) for i in surest_errors(scored, most)]


def doubted(scored: Scored, verdict: OodVerdict, most: int) -> list[GalleryItem]:
    """Return the right predictions that the model calls unsure or foreign, the most unusual first."""
    right = scored.predictions.probabilities.argmax(axis=1) == scored.y
    held = right & np.array([v is verdict for v in scored.predictions.verdicts])
    order = np.argsort(scored.predictions.ood_p_values, kind="stable")
    return [_item(scored, i) for i in order[held[order]][:most].tolist()]


def slipped_through(foreign: Foreign, most: int) -> list[GalleryItem]:
    """Return the foreign images that the model takes for known ones, the surest first."""
    held = np.array([v is OodVerdict.IN_DOMAIN for v in foreign.predictions.verdicts])
    order = np.argsort(-foreign.predictions.confidence, kind="stable")
    return [
        GalleryItem(picture(foreign.files[i]), f"taken for {foreign.predictions[i].predicted_class}",
                    (_confidence(foreign.predictions[i]), foreign.files[i].name))
        for i in order[held[order]][:most].tolist()
    ]  # fmt: skip


def _item(scored: Scored, i: int) -> GalleryItem:
    record, said = scored.manifest.records[i], scored.predictions[i]
    if said.predicted_class == record.label:
        lines: Sequence[str] = (_confidence(said), f"set: {', '.join(said.prediction_set) or 'none'}")
        title = record.label
    else:
        title = record.label
        lines = (
            f"taken for {said.predicted_class}",
            f"{said.confidence:.2f} against {said.probabilities[record.label]:.2f}, {_verdict(said)}",
        )
    return GalleryItem(picture(scored.manifest.root / record.path), title, (*lines, Path(record.path).name))


def _confidence(said: Prediction) -> str:
    return f"confidence {said.confidence:.2f}, p {said.ood_p_value:.2f}"


def _verdict(said: Prediction) -> str:
    return str(said.verdict).replace("_", " ")


def picture(file: Path) -> str:
    """Return a photograph as a small data URI; empty where it cannot be read."""
    try:
        return thumbnail(read_image(file, size=_SIDE), _SIDE)
    except ImageError:
        return ""  # moved since it was scored: the card says that there is no picture
