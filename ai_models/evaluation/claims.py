"""What the figures allow to be said: supported, not supported, or too few photographs to say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ai_models.evaluation.figures import interval
from ai_models.metrics import Interval

__all__ = ["Claim", "Standing", "claims", "settle"]

Standing = Literal["supported", "not supported", "n too small to say"]

BALANCED_ACCURACY, F1, ECE, AUROC, MODEL_MB = 0.87, 0.85, 0.05, 0.85, 50.0


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement and what the interval makes of it.

    Attributes
    ----------
    statement
        Such as ``"balanced accuracy > 0.87"``.
    standing
        ``supported``: the whole interval is on its side; ``not supported``: the whole interval is on the other side;
        else ``n too small to say``.
    evidence
        The figure and its interval, in words.
    """

    statement: str
    standing: Standing
    evidence: str


def settle(value: Interval, threshold: float, *, above: bool) -> Standing:
    """Return what an interval says of ``value > threshold`` (or ``<`` with ``above=False``); NaN ends say nothing."""
    low, high = (value.low, value.high) if above else (-value.high, -value.low)
    bar = threshold if above else -threshold
    if low > bar:
        return "supported"
    return "not supported" if high < bar else "n too small to say"


def claims(metrics: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the standing of each promised figure, from the content of ``metrics.json`` so far.

    A claim on every class needs no correction for their number: it is supported only where each class's own interval
    supports it (an intersection-union test).
    """
    scored = metrics["scored"]
    found = [
        _simple("balanced accuracy", interval(scored["balanced_accuracy"]), BALANCED_ACCURACY, scored["groups"]),
        _every_class(scored),
        _calibration(scored),
        _sets(scored, metrics["model"].get("coverage")),
        _false_alarms(metrics["false_alarms"]),
        *(
            _simple(
                f"OOD AUROC on '{name}'", interval(figures["auroc"]), AUROC, min(figures["groups"], scored["groups"])
            )
            for name, figures in metrics["ood"].items()
        ),
        _size(metrics["model"]["megabytes"]),
    ]
    return [asdict(claim) for claim in found if claim is not None]


def _simple(name: str, value: Interval, threshold: float, groups: int) -> Claim:
    standing = settle(value, threshold, above=True)
    return Claim(f"{name} > {threshold:g}", standing, _words(value) + _needed(standing, value, threshold, groups))


def _every_class(scored: Mapping[str, Any]) -> Claim:
    by_class = {name: interval(c["f1"]) for name, c in scored["classes"].items()}
    standings = {name: settle(value, F1, above=True) for name, value in by_class.items()}
    failing = [name for name, standing in standings.items() if standing == "not supported"]
    open_ = [name for name, standing in standings.items() if standing == "n too small to say"]
    statement = f"F1 > {F1:g} in every class"
    if failing:
        return Claim(statement, "not supported", f"'{failing[0]}': {_words(by_class[failing[0]])}")
    lowest = min(by_class, key=lambda name: by_class[name].low if by_class[name].low == by_class[name].low else -1)
    evidence = f"lowest '{lowest}': {_words(by_class[lowest])}"
    if open_:
        return Claim(
            statement, "n too small to say", f"undecided for {len(open_)} of {len(by_class)} classes; {evidence}"
        )
    return Claim(statement, "supported", evidence)


def _calibration(scored: Mapping[str, Any]) -> Claim:
    """Judge the ECE, which a small sample pushes up: only what is left above the floor counts against the model."""
    value, floor = interval(scored["ece"]), scored["ece_floor"]
    standing: Standing = "n too small to say"
    if value.high < ECE:
        standing = "supported"
    elif value.low - floor["mean"] > ECE:
        standing = "not supported"
    floor_text = (
        f"a perfectly calibrated model shows {floor['mean']:.3f} (95% of the time below {floor['q95']:.3f}) here"
    )
    return Claim(f"ECE < {ECE:g}", standing, f"{_words(value)}; {floor_text}")


def _sets(scored: Mapping[str, Any], coverage: float | None) -> Claim | None:
    if coverage is None:
        return None
    value = interval(scored["set_coverage"])
    return Claim(f"prediction sets hold the true class at least {coverage:.0%} of the time",
                 settle(value, coverage, above=True), _words(value))  # fmt: skip


def _false_alarms(figures: Mapping[str, Any]) -> Claim | None:
    if figures["stated"] is None:
        return None
    value = interval(figures["measured"])
    return Claim(f"at most {figures['stated']:.0%} of known images are called foreign",
                 settle(value, figures["stated"], above=False), _words(value))  # fmt: skip


def _size(megabytes: float) -> Claim:
    return Claim(
        f"model.joblib < {MODEL_MB:g} MB",
        "supported" if megabytes < MODEL_MB else "not supported",
        f"{megabytes:.1f} MB",
    )


def _words(value: Interval) -> str:
    return "not measured" if math.isnan(value.estimate) else str(value)


def _needed(standing: Standing, value: Interval, threshold: float, groups: int) -> str:
    """Say how many objects would settle it if the figure stayed (an interval narrows with the root of their number)."""
    distance = value.estimate - threshold
    if standing != "n too small to say" or math.isnan(value.low) or abs(distance) < 0.005:
        return ""
    half = value.estimate - value.low if distance > 0 else value.high - value.estimate
    return f"; about {math.ceil(groups * (half / distance) ** 2)} objects would settle it if the figure stayed"
