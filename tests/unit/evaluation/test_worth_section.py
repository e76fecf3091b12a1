"""What each part is worth, as the report tells it."""

from __future__ import annotations

from ai_models.evaluation.worth_section import add_worth_section
from ai_models.reporting.page import Page


def _gain(mean, low, high):
    return {"mean": mean, "standard_error": 0.01, "low": low, "high": high, "groups": 40}


def test_every_part_is_told_with_its_interval_kept_or_dropped(tmp_path):
    metrics = {
        "level": 0.95,
        "model": {
            "trust": 0.5,
            "worth": [
                {"part": "stages", "of": "block", "nll_gain": _gain(0.031, 0.01, 0.052), "kept": True},
                {"part": "svm", "of": "member", "nll_gain": _gain(-0.002, -0.02, 0.016), "kept": False},
                {"part": "copies", "of": "augmentation", "nll_gain": _gain(0.1, None, None), "kept": False},
            ],
        },
    }
    page = Page("t", "s")
    add_worth_section(page, metrics)
    text = page.save(tmp_path / "page.html").read_text(encoding="utf-8")
    for told in ("+0.031 [+0.010, +0.052]", "-0.002 [-0.020, +0.016]", "dropped", "kept", "trusted at 50%"):
        assert told in text


def test_a_model_that_did_not_record_it_has_no_such_section(tmp_path):
    page = Page("t", "s")
    add_worth_section(page, {"level": 0.95, "model": {"worth": [], "trust": None}})
    assert "What each part is worth" not in page.save(tmp_path / "page.html").read_text(encoding="utf-8")
