"""What happens when the background changes: the photographs scored again on other surfaces, and the OOD figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.backgrounds import TEXTURES, find_background, recoloured, replaced
from ai_models.core.images import RGBImage
from ai_models.core.predictions import Predictions
from ai_models.core.rng import generator
from ai_models.core.settings import EvaluationConfig
from ai_models.evaluation.altered import Change, Judged, condition_figures, judge_changed, paired_changes, unmeasured
from ai_models.evaluation.background_rule import STANDINGS, background_test
from ai_models.evaluation.figures import draws_of
from ai_models.evaluation.scoring import Foreign, Model, Scored

__all__ = ["ORIGINAL", "common_colour", "field_shift_figures", "on_surface"]

ORIGINAL = "as they are"
_FEWEST = 5  # distinct images, or objects, with a background of one colour, from which a change is shown


def field_shift_figures(
    model: Model, scored: Scored, foreign: Sequence[Foreign], config: EvaluationConfig
) -> dict[str, Any]:
    """Replace the background of every photograph that has one of one colour, and score again.

    Parameters
    ----------
    model
        The whole saved model.
    scored
        Photographs that it has not seen; with out-of-fold rows nothing is measured, for it was fitted on those.
    foreign
        Folders of foreign images. Known photographs on new backgrounds are held against them as they are; and they,
        their background painted in the known photographs' most common colour, against the known ones as they are.
    config
        Seed, draws, workers.

    Returns
    -------
    dict
        Plain values, ready for JSON: ``{"measured": False, "why": ...}``, or the counts of photographs with a
        background, the figures of `condition_figures` before, after, and for each kind of surface, the paired changes,
        and for each folder of foreign images what its AUROC measured.
    """
    why = unmeasured(scored)
    if why:
        return {"measured": False, "why": why}
    colours: dict[str, NDArray[np.uint8]] = {}
    changes: dict[str, Change] = {ORIGINAL: partial(_with_background, colours=colours)}
    changes |= {kind: partial(on_surface, kind=kind, seed=config.seed) for kind in TEXTURES}
    judged = judge_changed(model, scored.manifest.files, changes, workers=config.workers, label="shift")
    places = judged[ORIGINAL].places if ORIGINAL in judged else np.empty(0, dtype=np.int64)
    y, groups = scored.y[places], scored.groups[places]
    objects = len(set(groups.tolist()))
    counts = {"images": len(scored.y), "with_background": len(places), "groups": objects}
    if objects < _FEWEST:
        few = (
            f"A background of one colour was found in {len(places)} of {len(scored.y)} photographs ({objects} "
            f"objects): too few to show what a change of it does; {_FEWEST} objects are needed."
        )
        return {"measured": False, "why": few, **counts}
    before = judged[ORIGINAL].predictions
    after = Predictions.concatenated([judged[kind].predictions for kind in TEXTURES])
    every, all_groups = np.tile(y, len(TEXTURES)), np.tile(groups, len(TEXTURES))
    colour = common_colour(list(colours.values()))
    repeated = Predictions.concatenated([before] * len(TEXTURES))
    return {
        "measured": True,
        **counts,
        "colour": colour.tolist(),
        "before": condition_figures(y, before, groups, foreign, config),
        "after": condition_figures(every, after, all_groups, foreign, config),
        "change": paired_changes(every, repeated, after, all_groups),
        "kinds": {
            kind: condition_figures(y, judged[kind].predictions, groups, foreign, config)
            | {"change": paired_changes(y, before, judged[kind].predictions, groups)}
            for kind in TEXTURES
        },
        "ood": {one.name: _foreign_shift(model, judged, groups, one, colour=colour, config=config) for one in foreign},
    }


def on_surface(image: RGBImage, sha256: str, *, kind: str, seed: int) -> RGBImage | None:
    """Return a photograph on a surface drawn for it alone; None where it has no background of one colour."""
    return replaced(image, generator(seed, "field shift", sha256, kind), kind)


def common_colour(colours: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return the middle of the most frequent colours, uint8 (3,) RGB: the median of the fullest cell of 32 a side."""
    table = np.stack(colours).astype(np.int64)
    cells = [tuple(c) for c in (table // 32).tolist()]
    most = max(Counter(cells).items(), key=lambda item: (item[1], item[0]))[0]
    own = np.array([c == most for c in cells])
    return np.asarray(np.rint(np.median(table[own], axis=0)), dtype=np.uint8)


def _foreign_shift(
    model: Model,
    judged: dict[str, Judged],
    groups: NDArray[np.str_],
    foreign: Foreign,
    *,
    colour: NDArray[np.uint8],
    config: EvaluationConfig,
) -> dict[str, Any]:
    before = judged[ORIGINAL].predictions.ood_scores[:, None]
    after = np.stack([judged[kind].predictions.ood_scores for kind in TEXTURES], axis=1)
    theirs = foreign.predictions.ood_scores[None]
    draws, seed = draws_of(config), config.seed
    moved = background_test((before, after), (theirs, theirs), groups, foreign.groups, draws=draws, seed=seed)
    result: dict[str, Any] = {"images": theirs.shape[1], "known_moved": moved.to_dict(), "foreign_moved": None}
    painted = judge_changed(
        model,
        foreign.files,
        {ORIGINAL: _with_background, "painted": lambda image, _: recoloured(image, colour)},
        workers=config.workers,
        label="shift",
    )
    standings = [moved.standing]
    places = painted["painted"].places if painted else np.empty(0, dtype=np.int64)
    result["with_background"] = len(places)
    if len(set(foreign.groups[places].tolist())) >= _FEWEST:
        scores = [painted[name].predictions.ood_scores[None] for name in (ORIGINAL, "painted")]
        own = background_test(
            (before, before), (scores[0], scores[1]), groups, foreign.groups[places], draws=draws, seed=seed
        )
        result["foreign_moved"] = own.to_dict()
        standings.append(own.standing)
    result["standing"] = max(standings, key=STANDINGS.index)
    return result


def _with_background(
    image: RGBImage, sha256: str, *, colours: dict[str, NDArray[np.uint8]] | None = None
) -> RGBImage | None:
    """Return the photograph as it is where it has a background of one colour, and note the colour."""
    found = find_background(image)
    if found is None:
        return None
    if colours is not None:
        colours[sha256] = found.colour
    return image
