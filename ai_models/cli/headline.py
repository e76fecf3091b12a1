"""The few figures of an evaluation that a person wants to see at once, each with its interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ai_models.core.counts import photographs_of

__all__ = ["headline", "network_lines"]

_STANDINGS = ("supported", "not supported", "n too small to say")


def headline(figures: Mapping[str, Any]) -> list[str]:
    """Return lines for the end of a command.

    Parameters
    ----------
    figures
        The content of an evaluation's ``metrics.json``.
    """
    scored = figures["scored"]
    percent = f"{figures['level']:.0%}"
    lines = [
        f"{photographs_of(scored['images'], scored['groups'], 'image')}: {figures['source']['text']} "
        f"(in brackets the {percent} interval that so few leave)",
        f"log loss           {_interval(scored['nll'])}",
        f"Brier score        {_interval(scored['brier'])}",
        f"balanced accuracy  {_interval(scored['balanced_accuracy'])}",
        f"calibration error  {_interval(scored['ece'])}, a perfectly calibrated model "
        f"would show {scored['ece_floor']['mean']:.3f} here; debiased {_interval(scored['rms_calibration_error'])}",
    ]
    lines += [
        f"AUROC on {name}  {_interval(found['auroc'])} ({photographs_of(found['images'], found['groups'], 'image')})"
        for name, found in figures["ood"].items()
    ]
    return [
        *lines,
        *_leaks(figures.get("leak_meter")),
        *_suspects(figures["suspects"]),
        *_next(figures),
        *_claims(figures["claims"]),
    ]


def network_lines(found: Mapping[str, Any]) -> list[str]:
    """Return a line for each comparison of networks; `found` is ``networks`` of a training's ``metrics.json``."""
    lines = []
    for step in found["compared"]:
        gain, verdict = step["nll_gain"], "kept" if step["kept"] else "not kept"
        bounds = "" if gain["low"] is None else f" [{gain['low']:+.3f}, {gain['high']:+.3f}]"
        lines.append(
            f"networks  {step['preset']} instead of {step['instead_of']}: {verdict}, log loss lower by "
            f"{gain['mean']:+.3f}{bounds} over {gain['groups']} objects, out of fold"
        )
    return lines


def _leaks(found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return []
    return [
        f"leak meter         a plain classifier on these {photographs_of(found['images'], found['groups'])}:",
        f"  rows at random     {_interval(found['naive'])}, gap {_interval(found['naive_gap'])}",
        f"  copies, then rows  {_interval(found['augmented'])}, gap {_interval(found['augmented_gap'])}",
        f"  objects whole      {_interval(found['grouped'])}, what new objects get",
    ]


def _suspects(found: Mapping[str, Any]) -> list[str]:
    label, outlier = found["label"], found["outlier"]
    text = (
        f"suspect labels     {label['groups']} objects ({label['images']} images), "
        f"{label['expected_groups']:.1f} expected by the model's own probabilities"
    )
    if outlier is not None:
        text += f"; outliers in their class: {outlier['groups']} objects ({outlier['images']} images)"
    return [text]


def _next(figures: Mapping[str, Any]) -> list[str]:
    if "next_photographs" not in figures:
        return []
    from ai_models.evaluation.next_photographs_text import first_line

    return [f"photograph next    {first_line(figures['next_photographs'])}"]


def _claims(found: Sequence[Mapping[str, Any]]) -> list[str]:
    asked = [c for c in found if c["asked"]]
    lines = [f"claim              {c['statement']}: {c['standing']} ({c['evidence']})" for c in asked]
    counts = Counter(c["standing"] for c in found if not c["asked"])
    told = ", ".join(f"{counts[standing]} {standing}" for standing in _STANDINGS if counts[standing])
    return [*lines, f"what is promised   {told}: see the report"]


def _interval(value: Mapping[str, float | None] | None) -> str:
    if value is None or value["estimate"] is None:
        return "not defined here"
    if value["low"] is None or value["high"] is None:
        return f"{value['estimate']:.3f} [no interval]"
    return f"{value['estimate']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"
