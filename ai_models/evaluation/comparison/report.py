"""The page of a comparison; every number on it stands in ``comparison.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ai_models.core.counts import photographs_of, plural
from ai_models.evaluation.comparison.compare import Comparison
from ai_models.evaluation.comparison.differences import FIGURES, object_gains
from ai_models.evaluation.figures import interval
from ai_models.reporting.charts import interval_plot
from ai_models.reporting.comparison_charts import paired_gains
from ai_models.reporting.page import Cell, Page

__all__ = ["write_report"]


def write_report(made: Comparison, path: Path) -> Path:
    """Write ``comparison.html``."""
    found = made.found
    a, b = found["a"]["name"], found["b"]["name"]
    page = Page(
        f"{a} against {b}",
        f"{photographs_of(found['images'], found['groups'])} in {len(found['classes'])} classes that both judged",
    )
    _answers(page, found)
    _differences(page, found)
    _objects(page, made)
    _rows(page, found)
    return page.save(path)


def _answers(page: Page, found: dict[str, Any]) -> None:
    first, *others = (found["answers"][name] for name in FIGURES)
    page.section(
        "Which is better",
        f"{_capital(first)}.",
        page.heading("Beside it"),
        *(f"{_capital(text)}." for text in others),
        note="The log loss decides: it sees every probability. The others are looked at beside it, each at 5%; of "
        "several tests one is more easily met by chance, so what only one of them says needs new photographs.",
    )


def _differences(page: Page, found: dict[str, Any]) -> None:
    rows, gains = [], {}
    for name, label in FIGURES.items():
        figure = found["figures"][name]
        better = interval(figure["a_better_by"])
        seen = figure["p"] <= 0.05 and (better.low > 0 or better.high < 0)
        needed = figure["detectable"]
        rows.append(
            [
                label,
                interval(figure["a"]),
                interval(figure["b"]),
                Cell(str(better), "" if not seen else "good" if better.low > 0 else "bad"),
                f"{figure['p']:.2g}",
                "–" if needed is None else f"{needed:.2g}",
            ]
        )
        gains[label] = better
    a, b = found["a"]["name"], found["b"]["name"]
    page.section(
        "Figure by figure",
        page.figure(
            interval_plot(
                list(gains),
                {"A better by": list(gains.values())},
                x_label=f"left: {b} is better   ·   right: {a} is better",
                reference={"no difference": 0.0},
                limits=None,
            ),
            f"A is {a}, B is {b}. Lines are 95% intervals over redraws of whole objects, both models on the same ones.",
        ),
        page.table(["figure", "A", "B", "A is better by", "p", "detectable"], rows),
        note="p: sign-flip test by objects, two-sided, exact up to 20 objects that differ. Detectable: the "
        "difference that this many objects show four times in five.",
    )


def _objects(page: Page, made: Comparison) -> None:
    wins, a, b = made.found["wins"], made.found["a"]["name"], made.found["b"]["name"]
    page.section(
        "Object by object",
        f"Of {plural(made.found['groups'], 'object')} A has more photographs right in {wins['a']}, B in {wins['b']}, "
        f"and {wins['alike']} are alike (p = {wins['p']:.2g}, exact sign test over objects).",
        page.figure(
            paired_gains(object_gains(made.rows)),
            f"A dot an object: how much less log loss A ({a}) has on it than B ({b}), in nats. The line is the mean.",
        ),
    )


def _rows(page: Page, found: dict[str, Any]) -> None:
    rows = [
        [letter.upper(), found[letter]["name"], found[letter]["judged"], found[letter]["only_here"]] for letter in "ab"
    ]
    page.section(
        "What was compared",
        page.table(["", "model", "its photographs", "not judged by the other"], rows),
        note="Only photographs that both judged count. What either holds for one object is one object.",
    )


def _capital(text: str) -> str:
    return text if not text.startswith("no ") else f"N{text[1:]}"
