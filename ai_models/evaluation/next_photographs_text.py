"""The sentences on what to photograph next, from the figures of ``metrics.json``."""

from __future__ import annotations

from typing import Any

from ai_models.core.counts import plural
from ai_models.evaluation.class_advice import LEARN, MEASURE, TEN
from ai_models.evaluation.figures import interval

__all__ = ["curve_sentence", "evidence", "first_line", "of_what", "order_sentence", "points", "thin_sentence", "why"]

_NOTHING = 0.01
"""Gain of balanced accuracy by twice the objects that is not worth the name."""
_SURE = 0.8
"""Chance of being first from which a class is called so."""


def of_what(f: dict[str, Any]) -> str:
    """Return what to photograph: the kind in which errors gather, or any."""
    return f["kind"]["name"] if f["kind"] else "any"


def why(f: dict[str, Any]) -> str:
    """Return the reason in a sentence."""
    number = f["how_many"]["estimate"]
    if f["purpose"] == LEARN:
        return (
            f"{number} more would bring about half of what four times the objects would; each {TEN} are worth "
            f"{points(f['worth_of_ten'])} points of balanced accuracy."
        )
    if f["purpose"] == MEASURE:
        return f"More would hardly make the model better, but {number} more would tell its recall to .1 to either side."
    return "More would hardly make the model better, and its recall is known."


def evidence(f: dict[str, Any]) -> list[str]:
    """Return what was seen, a sentence each."""
    found = [f"Recall {_share(f['recall'])} in {plural(f['groups'], 'object')}."]
    if f["own_gain"] is not None:
        gain = interval(f["own_gain"])
        told = "" if gain.low > 0 else ": n too small to say whether it gains"
        found.append(
            f"A plain classifier with all of its objects instead of half gains {points(f['own_gain'])} points of "
            f"its recall{told}."
        )
    if f["kind"]:
        kind = f["kind"]
        found.append(
            f"{kind['wrong_of_kind']} of {kind['of_kind']} objects with {kind['name']} are wrong and "
            f"{kind['wrong'] - kind['wrong_of_kind']} of the other {kind['objects'] - kind['of_kind']} "
            f"(corrected p {_p(kind['p_corrected'])})."
        )
    if f["taken_for"]:
        pairs = ", ".join(f"{pair['class']} {pair['groups']}" for pair in f["taken_for"][:3])
        found.append(f"Taken for: {pairs} (of {plural(f['groups'], 'object')}).")
    if f["thin_groups"]:
        found.append(f"{plural(f['thin_groups'], 'object')} in thinly covered regions.")
    return found


def first_line(figures: dict[str, Any]) -> str:
    """Return the advice in a line."""
    top = next((f for f in figures["classes"] if f["purpose"] == LEARN), None)
    if top is None:
        measured = [f for f in figures["classes"] if f["purpose"] == MEASURE]
        if not measured:
            return "more photographs of these kinds would not help measurably"
        f = measured[0]
        return (
            "more photographs of these kinds would not help measurably; "
            f"{f['how_many']['estimate']} more of {f['class']} would tell how good it is"
        )
    number = top["how_many"]
    kind = f" ({top['kind']['name']})" if top["kind"] else ""
    sure = "would be worth most" if top["chance_of_first"] >= _SURE else "come first, n too small to be sure of it"
    return f"{number['estimate']} [{number['low']}, {number['high']}] more objects of {top['class']}{kind} {sure}"


def order_sentence(figures: dict[str, Any]) -> str:
    """Return how sure the order is."""
    learn = [f for f in figures["classes"] if f["purpose"] == LEARN]
    if not learn:
        return "No class would gain a point of recall from twice its objects."
    top = learn[0]
    if top["chance_of_first"] >= _SURE:
        return f"{top['class']} is worth most in {top['chance_of_first']:.0%} of what the figures leave open."
    return (
        f"Which class is worth most: n too small to say ({top['class']} in {top['chance_of_first']:.0%} of what the "
        "figures leave open). The list is the best guess."
    )


def curve_sentence(figures: dict[str, Any]) -> str:
    """Return what twice the objects would bring."""
    curve = figures["curve"]
    if curve is None:
        return f"What more photographs would bring cannot be told: {figures['not_measured']}."
    last, gain = curve["measured"][-1], interval(curve["doubled_gain"])
    start = (
        f"With {last['groups']:.0f} objects to learn from, a plain classifier reaches a balanced accuracy of "
        f"{_share(last)} on others, {curve['now']['estimate']:.3f} by the curve through all sizes. With twice the "
        f"objects of every class it would be {_share(curve['doubled'])}"
    )
    if gain.estimate < _NOTHING:
        return f"{start}: more photographs of these kinds would not help measurably."
    return f"{start}, {points(curve['doubled_gain'])} points more than by the curve now."


def thin_sentence(figures: dict[str, Any]) -> str:
    """Return whether errors lie where photographs are few."""
    thin = figures["thin"]
    if thin is None:
        return f"Not measured: {figures['not_measured']}."
    start = f"{plural(thin['groups'], 'object')} ({plural(thin['images'], 'photograph')}) lie in thinly covered regions"
    if thin["p"] is None:
        return f"{start}."
    told = (
        "errors gather where photographs are few, so more like these would help"
        if thin["p"] <= 0.05
        else "that errors gather where photographs are few cannot be told from chance"
    )
    return (
        f"{start}. The {plural(thin['wrong_groups'], 'wrong object')} lie {thin['wrong_farther']:.2f} times as far "
        f"from others of their class as right ones (p {_p(thin['p'])}): {told}."
    )


def _share(value: dict[str, Any]) -> str:
    return str(interval(value))


def points(value: dict[str, Any]) -> str:
    """Return an interval of shares in points."""
    i = interval(value)
    return f"{100 * i.estimate:.1f} [{100 * i.low:.1f}, {100 * i.high:.1f}]"


def _p(value: float) -> str:
    return "below .001" if value < 0.001 else f"{value:.3f}"
