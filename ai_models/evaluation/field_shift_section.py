"""The section of the report that shows what happens when the background changes."""

from __future__ import annotations

from typing import Any

from ai_models.core.counts import photographs_of
from ai_models.evaluation.background_rule import Standing
from ai_models.evaluation.figures import interval
from ai_models.metrics import Interval
from ai_models.reporting.charts import interval_plot
from ai_models.reporting.page import Cell, Page

__all__ = ["add_field_shift_section", "background_sentence"]

_TONES = {"only": "bad", "mostly": "bad", "partly": "open", "too few to say": "open", "not the background": "good"}
_MEANS: dict[Standing, str] = {
    "only": "The AUROC against '{name}' measures only the background.",
    "mostly": "The AUROC against '{name}' measures mostly the background.",
    "partly": "The AUROC against '{name}' measures partly the background.",
    "too few to say": "How much of the AUROC against '{name}' is the background, so few images cannot say.",
    "not the background": "The AUROC against '{name}' does not measure the background.",
    "nothing to explain": "The AUROC against '{name}' cannot be told from guessing as it is.",
}
_WAYS = {
    "known_moved": "known photographs on other backgrounds",
    "foreign_moved": "foreign images on the known photographs' background",
}
_COLUMNS = ("accuracy", "balanced accuracy", "NLL", "ECE (floor)", "set coverage", "set size", "called ood")
_PLOTTED = {
    "accuracy": "accuracy",
    "set_coverage": "sets that hold the true class",
    "called_ood": "called foreign",
}


def add_field_shift_section(page: Page, metrics: dict[str, Any]) -> None:
    """Add what was found; where it was not asked for, how to ask."""
    found = metrics.get("field_shift")
    if found is None:
        page.section("When the background changes", "Not measured: add --field-shift.")
        return
    if not found["measured"]:
        page.section("When the background changes", found["why"])
        return
    conditions = {"as they are": found["before"], "all surfaces": found["after"], **found["kinds"]}
    series = {
        label: [interval(condition[name]) for condition in conditions.values()] for name, label in _PLOTTED.items()
    }
    page.section(
        "When the background changes",
        _accuracy_sentence(found),
        *(background_sentence(name, one) for name, one in found["ood"].items()),
        page.figure(
            interval_plot(list(conditions), series, x_label="share of photographs"),
            "The same objects, before and after their background was replaced. Lines are 95% intervals over objects.",
        ),
        page.table(
            [
                "background",
                "accuracy",
                "balanced accuracy",
                "NLL",
                "ECE (floor)",
                "set coverage",
                "set size",
                "called ood",
            ],
            [[name, *_cells(condition)] for name, condition in conditions.items()],
        ),
        *_foreign_parts(page, found["ood"]),
        note=f"{photographs_of(found['with_background'], found['groups'])} of {found['images']} photographs lie on a "
        "background of one colour; each was put on a plain colour, a gradient, cloth, wood and stone, drawn for it "
        "alone, and judged by the whole model.",
    )


def background_sentence(name: str, found: dict[str, Any]) -> str:
    """Say what an AUROC against a folder of foreign images measured, and by what it shows."""
    parts = [_MEANS[found["standing"]].format(name=name)]
    for way, words in _WAYS.items():
        if found[way] is not None:
            before, after = (interval(found[way][key]) for key in ("before", "after"))
            parts.append(f"With {words} it goes from {_words(before)} to {_words(after)}.")
    if found["foreign_moved"] is None:
        parts.append(
            f"Its images could not be moved: {found['with_background']} of {found['images']} have a background of one "
            "colour."
        )
    return " ".join(parts)


def _accuracy_sentence(found: dict[str, Any]) -> str:
    change = interval(found["change"]["accuracy"])
    before, after = (interval(found[when]["called_ood"]) for when in ("before", "after"))
    said = "falls" if change.high < 0 else "rises" if change.low > 0 else "changes by no more than chance would"
    text = (
        f"On other backgrounds the accuracy {said}: {_signed(change)}. Called foreign are {_words(after)} of the "
        f"photographs, before {_words(before)}"
    )
    if after.low > before.high:
        return f"{text}: other backgrounds alone make the model take known objects for foreign ones."
    return f"{text}."


def _foreign_parts(page: Page, ood: dict[str, Any]) -> list[str]:
    rows = []
    for name, found in ood.items():
        for way, words in _WAYS.items():
            test = found[way]
            if test is not None:
                ends = [_words(interval(test[key])) for key in ("before", "after", "lost")]
                rows.append([name, words, *ends, Cell(test["standing"], _TONES.get(test["standing"], ""))])  # type: ignore[arg-type]
    if not rows:
        return []
    header = ["folder", "what was moved", "AUROC before", "AUROC after", "share of the separation lost", "background"]
    return [page.heading("Is an OOD figure the object or the background?"), page.table(header, rows)]


def _cells(condition: dict[str, Any]) -> list[str]:
    ece = f"{condition['ece']['estimate']:.3f} ({condition['ece_floor']['mean']:.3f})"
    names = ("accuracy", "balanced_accuracy", "nll", "ece", "set_coverage", "set_size", "called_ood")
    return [ece if name == "ece" else _words(interval(condition[name])) for name in names]


def _words(value: Interval) -> str:
    return f"{value.estimate:.3f} [{value.low:.3f}, {value.high:.3f}]"


def _signed(value: Interval) -> str:
    return f"{value.estimate:+.3f} [{value.low:+.3f}, {value.high:+.3f}]"
