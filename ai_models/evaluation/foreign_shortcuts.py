"""Whether foreign images could be told from known ones without looking at the object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ai_models.core.records import Manifest
from ai_models.core.settings import EvaluationConfig
from ai_models.evaluation.scoring import Foreign
from ai_models.execution import map_ordered
from ai_models.reporting.page import Page
from ai_models.reporting.shortcut_section import shortcut_parts
from ai_models.shortcuts import Traits, probe_shortcuts, read_traits

__all__ = ["add_foreign_shortcuts", "foreign_shortcuts"]


def foreign_shortcuts(known: Manifest, foreign: Sequence[Foreign], config: EvaluationConfig) -> dict[str, Any]:
    """Ask how well each trait alone tells the known photographs from each folder of foreign images.

    Parameters
    ----------
    known
        The labelled photographs; those that are not on disk any more are passed over.
    foreign
        The folders.
    config
        Seed and workers; quick mode asks nothing.

    Returns
    -------
    dict
        Folder name -> ``ShortcutProbe.to_dict``; folders with under five distinct images are absent.
    """
    if config.quick or not foreign:
        return {}
    own, groups = _read(known.files, known.groups.tolist(), config.workers)
    found = {}
    for one in foreign:
        others, their_groups = _read(one.files, one.groups.tolist(), config.workers)
        probe = probe_shortcuts(
            own + others,
            ["known"] * len(own) + ["foreign"] * len(others),
            np.array([f"known/{g}" for g in groups] + [f"foreign/{g}" for g in their_groups], dtype=np.str_),
            seed=config.seed,
        )
        if probe is not None:
            found[one.name] = probe.to_dict()
    return found


def add_foreign_shortcuts(page: Page, metrics: dict[str, Any]) -> None:
    """Add the section of the report; nothing where nothing was asked."""
    for name, probe in metrics["ood_shortcuts"].items():
        page.section(
            f"Unknown objects: shortcuts against '{name}'",
            shortcut_sentence(name, probe),
            *shortcut_parts(page, probe, what="known from foreign"),
            note="Each trait alone, without the object and without the model.",
        )


def shortcut_sentence(name: str, probe: dict[str, Any]) -> str:
    """Say what the probe means for the figures of the unknown objects."""
    told = {trait: f["balanced_accuracy"]["estimate"] for trait, f in probe["traits"].items() if f["material"]}
    if not told:
        return f"No trait beside the object was shown to tell '{name}' from the known photographs."
    listed = ", ".join(f"{trait} {share:.0%}" for trait, share in sorted(told.items(), key=lambda t: (-t[1], t[0])))
    return (
        f"The images of '{name}' can be told from the known photographs without looking at the object "
        f"({listed}; guessing gives {probe['chance']:.0%}): the figures for unknown objects may measure the background "
        "or the way of saving only, so try foreign objects photographed as the known ones were."
    )


def _read(files: Sequence[Path], groups: list[str], workers: int) -> tuple[list[Traits], list[str]]:
    seen = list(map_ordered(read_traits, list(files), workers=workers, label="shortcuts"))
    pairs = [(traits, group) for traits, group in zip(seen, groups, strict=True) if traits is not None]
    return [traits for traits, _ in pairs], [group or f"\0{i}" for i, (_, group) in enumerate(pairs)]
