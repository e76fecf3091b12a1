"""The page that explains predictions; every number on it stands in ``explanations.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from ai_models.core.images import RGBImage
from ai_models.core.paths import to_text
from ai_models.evaluation.explanation_words import (
    blocks_sentence,
    fidelity_sentence,
    map_checks,
    map_standing,
    nearest_sentence,
    said_sentence,
    score_sentence,
)
from ai_models.evaluation.gallery import picture
from ai_models.explaining import Explanation
from ai_models.explaining.nearest import Nearest
from ai_models.reporting.charts import HALF
from ai_models.reporting.explanation_charts import removal_curves, signed_bars
from ai_models.reporting.page import Cell, GalleryItem, Page, Tone
from ai_models.reporting.thumbnails import thumbnail

if TYPE_CHECKING:
    from ai_models.evaluation.explanations import Explained

__all__ = ["add_explanation", "add_reading_guide", "neighbour_cards"]

_TONES: dict[bool, Tone] = {True: "good", False: "bad"}
_SIDE = 720  # of the photograph and its map, side by side


def add_reading_guide(page: Page, objects: int) -> None:
    """Add the section that says what the parts are and what they cannot tell."""
    page.section(
        "How to read this page",
        "Nearest photographs are the training photographs that the networks (or, without one, all features) find most "
        "alike, one an object. Look at them: if they do not show what you would compare with, doubt the prediction.",
        "Contributions share out the margin between the predicted class and the runner-up among the blocks of features "
        "and among the voting members. They are exact for the model, and say nothing of cause.",
        "The heat map (Grad-CAM) shows where the network's evidence lies: orange speaks for the predicted class, blue "
        "for the runner-up. It is coarse, covers the network block alone, and its colours cannot be compared between "
        "images. It is believed only as far as its test says: what it points at is taken away from the image, and put "
        "back into a blurred one, and the model is asked again.",
        note=f"Evidence comes from {objects} training objects.",
    )


def add_explanation(page: Page, one: Explained) -> None:
    """Add the section of one image.

    Parameters
    ----------
    page
        The page.
    one
        The image and what is told of it.
    """
    title, found = to_text(one.file.name), one.explanation
    if found is None:
        page.section(title, one.note)
        return
    parts: list[str] = [said_sentence(found), page.heading("Nearest training photographs"), nearest_sentence(found)]
    parts.append(page.gallery(neighbour_cards(found.nearest)))
    parts += _contributions(page, found)
    parts += [page.heading("Where the network looks"), *_heat_map(page, found, one.picture)]
    page.section(title, *parts, note=one.note)


def neighbour_cards(near: Nearest) -> list[GalleryItem]:
    """Return a card for each nearest photograph; one whose file is gone shows its path and class alone."""
    return [
        GalleryItem(picture(n.file), n.record.label, (f"distance {n.distance:.3f}", n.record.path))
        for n in near.neighbours
    ]


def _contributions(page: Page, found: Explanation) -> list[str]:
    label = f"for {found.prediction.predicted_class} against {found.against}"
    blocks = (
        f"By block of features, from {found.blocks.base:+.2f}, which features of typical training photographs give."
    )
    charts = [
        page.figure(signed_bars(told.parts, x_label="part of the margin", width=HALF), caption)
        for told, caption in ((found.blocks, blocks), (found.members, "By voting member, from 0."))
    ]
    return [page.heading(f"What speaks {label}"), blocks_sentence(found), page.pair(*charts)]


def _heat_map(page: Page, found: Explanation, overlaid: RGBImage | None) -> list[str]:
    heat = found.heat_map
    if heat is None or overlaid is None:
        return [f"No heat map: {found.no_map}."]
    checks = [[check.question, Cell(check.finding, _TONES[check.passed])] for check in map_checks(found)]
    shown: Markup = page.picture(
        thumbnail(overlaid, _SIDE),
        f"Photograph and heat map for {found.prediction.predicted_class}",
        f"Orange speaks for {found.prediction.predicted_class}, blue for {found.against}.",
    )
    parts: list[str] = [map_standing(found), shown, page.table(["can this map be believed?", "finding"], checks)]
    parts += [fidelity_sentence(heat), score_sentence(heat)]
    if heat.score is not None:
        score, said = heat.score, f"p of {found.prediction.predicted_class}"
        parts.append(
            page.pair(
                page.figure(
                    removal_curves(
                        score.heat_map.insertion, [c.insertion for c in score.random], score.centre.insertion,
                        x_label="share of pixels put back", y_label=said,
                    ),
                    "Insertion into a blurred image: the earlier it rises, the better the map.",
                ),
                page.figure(
                    removal_curves(
                        score.heat_map.deletion, [c.deletion for c in score.random], score.centre.deletion,
                        x_label="share of pixels taken away", y_label=said,
                    ),
                    "Deletion: the earlier it falls, the better the map.",
                ),
            )
        )  # fmt: skip
    return parts
