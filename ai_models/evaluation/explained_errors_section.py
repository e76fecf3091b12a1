"""The section of the report that explains the surest errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ai_models.core.counts import photographs_of, plural
from ai_models.core.images import read_image
from ai_models.evaluation.explained_errors import ExplainedError
from ai_models.evaluation.explanation_page import neighbour_cards
from ai_models.evaluation.explanation_words import map_standing
from ai_models.evaluation.gallery import picture
from ai_models.evaluation.scoring import Scored
from ai_models.explaining import Explanation, overlay
from ai_models.reporting.page import GalleryItem, Page
from ai_models.reporting.thumbnails import thumbnail

if TYPE_CHECKING:
    from pathlib import Path

    from ai_models.evaluation.evaluate import Evaluation

__all__ = ["add_explained_errors"]

_SIDE = 224


def add_explained_errors(page: Page, found: Evaluation) -> None:
    """Add the explained errors; nothing where none was explained."""
    if not found.explained:
        return
    parts: list[str] = [_summary(found.explained)]
    for one in found.explained:
        record, said = found.scored.manifest.records[one.row], found.scored.predictions[one.row]
        parts.append(page.heading(f"{record.label}, taken for {said.predicted_class}"))
        parts.append(page.gallery([*_photograph(found.scored, one), *neighbour_cards(one.nearest)]))
    page.section(
        "Errors explained",
        *parts,
        note="Each photograph, where the network looked (orange speaks for the class that was predicted, blue for the "
        "runner-up), and the training photographs that look most like it, one an object. A neighbour of the wrong "
        "class that looks the same to you too is a reason to check labels or to photograph more of both classes.",
    )


def _summary(explained: tuple[ExplainedError, ...]) -> str:
    maps = [e.explanation.heat_map for e in explained if e.explanation is not None]
    scores = [heat.score for heat in maps if heat is not None and heat.score is not None]
    if not scores:
        return "No heat maps: " + (
            "these predictions come from models without the photograph's fold, which are not kept."
            if not maps
            else next(e.explanation.no_map for e in explained if e.explanation is not None) + "."
        )
    agreement = next(heat.fidelity for heat in maps if heat is not None)
    gain, random = (
        float(np.mean(values)) for values in zip(*((s.heat_map.gain, s.random_gain) for s in scores), strict=True)
    )
    return (
        f"Taking away what a map points at and putting it back (insertion minus deletion) gives {gain:+.2f} on average "
        f"over {plural(len(scores), 'error')}, random maps give {random:+.2f}; {sum(s.beats_random for s in scores)} "
        f"of {plural(len(scores), 'map')} beat each of their {plural(len(scores[0].random), 'random one')}. The maps "
        f"come from a stand-in that names the model's class for {agreement.agreement.estimate:.0%} of "
        f"{photographs_of(agreement.photographs, agreement.objects, 'training photograph')}."
    )


def _photograph(scored: Scored, one: ExplainedError) -> list[GalleryItem]:
    record, said = scored.manifest.records[one.row], scored.predictions[one.row]
    file = scored.manifest.root / record.path
    lines = (f"{said.confidence:.2f} for {said.predicted_class}", record.path)
    shown = [GalleryItem(picture(file), record.label, lines)]
    if one.explanation is not None and one.explanation.heat_map is not None:
        shown.append(_map(file, one.explanation))
    return shown


def _map(file: Path, explanation: Explanation) -> GalleryItem:
    heat = explanation.heat_map
    assert heat is not None
    tested = () if heat.score is None else (f"beats {heat.score.beaten} of {len(heat.score.random)} random maps",)
    image = thumbnail(overlay(read_image(file, size=_SIDE), heat.maps), _SIDE)
    return GalleryItem(image, f"against {explanation.against}", (*tested, map_standing(explanation)))
