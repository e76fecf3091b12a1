"""The page that shows what was found; every number on it stands in ``metrics.json`` or ``timings.json``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ai_models.core.counts import photographs_of
from ai_models.core.settings import EvaluationConfig
from ai_models.evaluation.calibration_section import add_calibration_section
from ai_models.evaluation.claims_section import add_claims_section
from ai_models.evaluation.classes_section import add_classes_section
from ai_models.evaluation.field_shift_section import add_field_shift_section
from ai_models.evaluation.foreign_section import add_foreign_section
from ai_models.evaluation.foreign_shortcuts import add_foreign_shortcuts
from ai_models.evaluation.gallery_section import add_gallery_sections
from ai_models.evaluation.gap_section import add_gap_section
from ai_models.evaluation.importance_section import add_importance_section
from ai_models.evaluation.leak_section import add_leak_section
from ai_models.evaluation.left_out_section import add_left_out_section
from ai_models.evaluation.model_section import add_model_section
from ai_models.evaluation.near_classes_section import add_near_classes_section
from ai_models.evaluation.next_photographs_section import add_next_photographs_section
from ai_models.evaluation.robustness_section import add_robustness_section
from ai_models.evaluation.sets_section import add_sets_section
from ai_models.evaluation.speed_section import add_speed_section
from ai_models.evaluation.summary_section import add_summary_section
from ai_models.evaluation.suspects_section import add_suspects_section
from ai_models.evaluation.verdicts_section import add_verdicts_section
from ai_models.evaluation.worth_section import add_worth_section
from ai_models.reporting.page import Page

if TYPE_CHECKING:
    from ai_models.evaluation.evaluate import Evaluation

__all__ = ["write_report"]


def write_report(found: Evaluation, path: Path, config: EvaluationConfig) -> Path:
    """Write ``report.html``.

    Parameters
    ----------
    found
        What was found.
    path
        Where to write.
    config
        Gallery size; quick mode shows no gallery.
    """
    scored = found.metrics["scored"]
    page = Page(
        "How far this model can be trusted",
        f"{photographs_of(scored['images'], scored['groups'], 'image')} in {len(scored['classes'])} classes · "
        f"{found.metrics['source']['text']}",
    )
    add_summary_section(page, found.metrics)
    add_claims_section(page, found.metrics)
    add_classes_section(page, found.metrics)
    add_calibration_section(page, found)
    add_verdicts_section(page, found.metrics)
    add_sets_section(page, found.metrics)
    add_foreign_section(page, found)
    add_foreign_shortcuts(page, found.metrics)
    add_field_shift_section(page, found.metrics)
    add_near_classes_section(page, found.metrics)
    add_robustness_section(page, found.metrics)
    add_gap_section(page, found.metrics)
    add_leak_section(page, found.metrics)
    add_importance_section(page, found.metrics)
    add_worth_section(page, found.metrics)
    if not config.quick and config.gallery_size:
        add_gallery_sections(page, found, config.gallery_size)
    pictures = 0 if config.quick else config.gallery_size
    add_suspects_section(page, found.suspects, found.metrics["suspects"], pictures)
    add_next_photographs_section(page, found.next_photographs, found.metrics.get("next_photographs"), pictures)
    add_speed_section(page, found.timings)
    add_left_out_section(page, found.metrics)
    add_model_section(page, found.metrics)
    return page.save(path)
