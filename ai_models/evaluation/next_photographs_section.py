"""The section of the report that says what to photograph next."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import numpy as np

from ai_models.core.counts import photographs_of
from ai_models.evaluation.class_advice import MEASURE, TEN
from ai_models.evaluation.figures import interval
from ai_models.evaluation.gallery import picture
from ai_models.evaluation.next_photographs import NextPhotographs
from ai_models.evaluation.next_photographs_text import (
    curve_sentence,
    first_line,
    of_what,
    order_sentence,
    points,
    thin_sentence,
)
from ai_models.reporting.learning_curve_chart import learning_curve_chart
from ai_models.reporting.page import GalleryItem, Page

__all__ = ["add_next_photographs_section"]

_TITLE = "What to photograph next"


def add_next_photographs_section(
    page: Page, found: NextPhotographs | None, figures: dict[str, Any] | None, pictures: int
) -> None:
    """Add the list; where it was not asked for, how to ask.

    Parameters
    ----------
    page
        The report.
    found, figures
        What was found, and as in ``metrics.json``; None where it was not asked for.
    pictures
        Most thinly covered photographs that are shown; 0 for none.
    """
    if found is None or figures is None:
        page.section(_TITLE, "Not worked out: leave out --quick and --no-next-photographs.")
        return
    line = first_line(figures)
    parts: list[str] = [f"{line[0].upper()}{line[1:]}. {order_sentence(figures)}", _list(page, figures)]
    parts.append(curve_sentence(figures))
    if figures["curve"]:
        parts.append(_chart(page, figures["curve"]))
    parts += [page.heading("Kinds in which errors gather"), *_kinds(page, figures)]
    parts += [page.heading("Thinly covered"), thin_sentence(figures)]
    items = _thin(found, pictures)
    if items:
        parts.append(page.gallery(items))
    page.section(
        _TITLE,
        *parts,
        note=f"{photographs_of(figures['images'], figures['groups'])}, each judged by models that had not seen its "
        f"object. Worth: points of balanced accuracy by {TEN} more objects of the class, if the share of its errors "
        "that they remove is that of the learning curve; first in: how often it is the largest, within what the "
        "figures leave open. Last half: points of the class's recall that a plain classifier gains by all of its "
        "objects instead of half. In brackets 95% bounds; reasons in sentences are in next_photographs.csv.",
    )


def _list(page: Page, figures: dict[str, Any]) -> str:
    header = ["class", "add", "of what", f"worth of {TEN}", "first in", "recall", "last half", "most often taken for"]
    return page.table(header, [_row(f) for f in figures["classes"]])


def _row(f: dict[str, Any]) -> list[object]:
    number, taken = f["how_many"], f["taken_for"]
    many = f"{number['estimate']}"
    if number["low"] != number["high"]:
        many += f" [{number['low']}, {number['high']}]"
    return [
        f["class"],
        many if f["purpose"] else "–",
        of_what(f) + (", to know its recall" if f["purpose"] == MEASURE else ""),
        points(f["worth_of_ten"]),
        f"{f['chance_of_first']:.0%}",
        interval(f["recall"]),
        points(f["own_gain"]) if f["own_gain"] else "–",
        f"{taken[0]['class']}, {taken[0]['groups']} of {f['groups']}" if taken else "–",
    ]


def _chart(page: Page, curve: dict[str, Any]) -> str:
    measured, fitted = ([(p["groups"], interval(p)) for p in curve[name]] for name in ("measured", "fitted"))
    left = f" Without {', '.join(curve['left_out'])}: too few objects for a curve." if curve["left_out"] else ""
    return page.figure(
        learning_curve_chart(measured, fitted),
        f"A plain classifier (logistic regression on {curve['images']} photographs of {curve['groups']} objects, "
        f"{curve['folds']} folds, {curve['repeats']} draws) fitted on subsets of whole objects. It is not this model, "
        f"whose figures stand above; what more objects would bring is alike in kind.{left}",
    )


def _kinds(page: Page, figures: dict[str, Any]) -> list[str]:
    looked = figures["kinds_looked_at"]
    if not looked:
        return [
            "None could be looked at: add columns such as 'side' to the manifest, or name sides in file or folder "
            "names, with at least 3 objects of each in a class."
        ]
    if not figures["kinds"]:
        return [f"None of the {looked} that were looked at (columns of the manifest, words of file names) stands out."]
    rows = [
        [s["kind"], s["class"] or "all classes",
         _share(s, "wrong_of_kind", "of_kind"), _rest(s), f"{s['p']:.2g}", f"{s['p_corrected']:.2g}"]
        for s in figures["kinds"]
    ]  # fmt: skip
    header = ["kind", "in", "wrong of the kind", "wrong of the others", "exact p", f"corrected for {looked}"]
    return [page.table(header, rows)]


def _share(s: dict[str, Any], wrong: str, total: str) -> str:
    counts = s["counts"].values()
    return f"{sum(c[wrong] for c in counts)} of {sum(c[total] for c in counts)}"


def _rest(s: dict[str, Any]) -> str:
    counts = s["counts"].values()
    return (
        f"{sum(c['wrong'] - c['wrong_of_kind'] for c in counts)} of {sum(c['objects'] - c['of_kind'] for c in counts)}"
    )


def _thin(found: NextPhotographs, most: int) -> list[GalleryItem]:
    if found.thin is None:
        return []
    judged, ratios = found.judged, found.thin.ratios
    rows = np.flatnonzero(found.thin.thin)
    items = []
    for i in rows[np.argsort(-ratios[rows], kind="stable")][:most].tolist():
        told = int(judged.p[i].argmax())
        lines = [f"{ratios[i]:.1f} times as far as usual"]
        if told != judged.y[i]:
            lines.append(f"taken for {judged.classes[told]}")
        name = PurePosixPath(judged.records[i].path).name
        items.append(GalleryItem(picture(judged.files[i]), judged.classes[judged.y[i]], (*lines, name)))
    return items
