"""What the figures allow to be said: supported, not supported, or too few photographs to say."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ai_models.core.errors import DataError
from ai_models.core.statements import CLASS_FIGURES, FOLDER_FIGURES, Statement, parse_statement
from ai_models.evaluation.figures import LEVEL, interval
from ai_models.metrics import Interval

__all__ = ["Claim", "Standing", "check_names", "claims", "settle", "together"]

Standing = Literal["supported", "not supported", "n too small to say"]

BALANCED_ACCURACY, F1, ECE, AUROC, MODEL_MB = 0.87, 0.85, 0.05, 0.85, 50.0
_PLACES = {"brier_reliability": "reliability", "brier_resolution": "resolution"}
_VERDICTS = {"called_unsure": "unsure", "called_in_domain": "in_domain"}
_ON_FOLDER = {"taken_for_known": "called_in_domain"}


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
    asked
        Whether the user asked; else it is what the product promises.
    """

    statement: str
    standing: Standing
    evidence: str
    asked: bool = False


def settle(value: Interval, threshold: float, *, above: bool) -> Standing:
    """Return what an interval says of ``value > threshold`` (or ``<`` with ``above=False``); NaN ends say nothing."""
    low, high = (value.low, value.high) if above else (-value.high, -value.low)
    bar = threshold if above else -threshold
    if low > bar:
        return "supported"
    return "not supported" if high < bar else "n too small to say"


def claims(metrics: Mapping[str, Any], asked: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the standing of what the user wants to claim and of each promised figure.

    Parameters
    ----------
    metrics
        The content of ``metrics.json`` so far.
    asked
        The user's claims, as `ai_models.core.statements.parse_statement` reads them.
    """
    own = [_answer(metrics, statement, str(statement), asked=True) for statement in map(parse_statement, asked)]
    return [asdict(claim) for claim in (*own, *(_answer(metrics, s, text) for s, text in _promised(metrics)))]


def check_names(asked: Sequence[str], classes: Sequence[str], folders: Sequence[str]) -> None:
    """Refuse a claim on a class that the model does not know, or on a folder that was not given.

    Raises
    ------
    DataError
        Naming what is near.
    """
    for statement in map(parse_statement, asked):
        known, what = (classes, "class") if statement.figure in CLASS_FIGURES else (folders, "folder of foreign images")
        if statement.name and statement.name not in known:
            near = difflib.get_close_matches(statement.name, known, n=1)
            listed = ", ".join(known) or "none: add --ood-dir"
            hint = f"did you mean '{near[0]}'?" if near else f"there are {listed}"
            raise DataError(f"claim '{statement}' names no {what} of this evaluation: {hint}")


def together(found: Sequence[Mapping[str, Any]]) -> str:
    """Return what several claims are worth at once."""
    supported = sum(c["standing"] == "supported" for c in found)
    text = f"Each claim is a test of its own, wrongly supported in at most {(1 - LEVEL) / 2:.1%} of cases"
    if supported < 2:
        return f"{text}."
    sure = max(0.0, 1 - supported * (1 - LEVEL) / 2)
    return f"{text}; all {supported} supported ones hold at once with {sure:.1%} certainty at least (Bonferroni)."


def _promised(metrics: Mapping[str, Any]) -> list[tuple[Statement, str]]:
    coverage, alarms = metrics["model"].get("coverage"), metrics["false_alarms"]["stated"]
    found = [
        (Statement("balanced_accuracy", True, BALANCED_ACCURACY), f"balanced accuracy > {BALANCED_ACCURACY:g}"),
        (Statement("f1", True, F1, every_class=True), f"F1 > {F1:g} in every class"),
        (Statement("ece", False, ECE), f"ECE < {ECE:g}"),
    ]
    if coverage is not None:
        text = f"prediction sets hold the true class at least {coverage:.0%} of the time"
        found.append((Statement("set_coverage", True, coverage), text))
    if alarms is not None:
        text = f"at most {alarms:.0%} of known images are called foreign"
        found.append((Statement("false_alarms", False, alarms), text))
    found += [
        (Statement("auroc", True, AUROC, name=name), f"OOD AUROC on '{name}' > {AUROC:g}") for name in metrics["ood"]
    ]
    return [*found, (Statement("model_mb", False, MODEL_MB), f"model.joblib < {MODEL_MB:g} MB")]


def _answer(metrics: Mapping[str, Any], s: Statement, text: str, *, asked: bool = False) -> Claim:
    if s.figure == "model_mb":
        size = metrics["model"]["megabytes"]
        return Claim(text, "supported" if (size > s.bar) == s.above else "not supported", f"{size:.1f} MB", asked)
    if s.every_class:
        return Claim(text, *_every_class(metrics["scored"]["classes"], s), asked)
    if s.figure == "ece":
        return Claim(text, *_calibration(metrics["scored"], s), asked)
    value, groups = _value(metrics, s)
    standing = settle(value, s.bar, above=s.above)
    return Claim(text, standing, _words(value) + _needed(standing, value, s.bar, groups), asked)


def _value(metrics: Mapping[str, Any], s: Statement) -> tuple[Interval, int]:
    """Return the figure of a statement and the objects behind it."""
    scored = metrics["scored"]
    groups = int(scored["groups"])
    if s.figure in CLASS_FIGURES:
        own = scored["classes"][s.name]
        return interval(own[s.figure]), int(own["predicted_groups" if s.figure == "precision" else "groups"])
    if s.figure in FOLDER_FIGURES:
        folder = metrics["ood"][s.name]
        theirs = int(folder["groups"])
        both = s.figure in ("auroc", "fpr_at_tpr95")  # of known and of foreign images
        return interval(folder[_ON_FOLDER.get(s.figure, s.figure)]), min(theirs, groups) if both else theirs
    if s.figure in _PLACES:
        return interval(scored["brier_parts"][_PLACES[s.figure]]), groups
    if s.figure in _VERDICTS:
        return interval(scored["verdicts"][_VERDICTS[s.figure]]), groups
    if s.figure == "set_coverage_by_class":
        return interval(metrics["prediction_sets"]["measured"]["all"]["by_class"]["coverage"]), groups
    if s.figure == "false_alarms":
        return interval(metrics["false_alarms"]["measured"]), groups
    return interval(scored[s.figure]), groups


def _every_class(by_class: Mapping[str, Any], s: Statement) -> tuple[Standing, str]:
    """Judge a claim on every class.

    It is supported where each class's own interval supports it, with no correction (an intersection-union test;
    Berger, Technometrics 24, 1982). It fails where one class fails, which is k tests: there the simultaneous intervals
    count (Bonferroni).
    """
    values = {name: interval(c[s.figure]) for name, c in by_class.items()}
    at_once = {name: interval(c["simultaneous"][s.figure]) for name, c in by_class.items()}
    failing = [n for n, value in at_once.items() if settle(value, s.bar, above=s.above) == "not supported"]
    if failing:
        worst = failing[0]
        return "not supported", f"'{worst}': {_words(values[worst])}; with all classes in view {_ends(at_once[worst])}"
    undecided = [n for n, value in values.items() if settle(value, s.bar, above=s.above) != "supported"]

    def margin(name: str) -> float:
        end = values[name].low if s.above else -values[name].high
        return -math.inf if math.isnan(end) else end

    nearest = min(values, key=margin)
    evidence = f"{'lowest' if s.above else 'highest'} '{nearest}': {_words(values[nearest])}"
    if undecided:
        return "n too small to say", f"undecided for {len(undecided)} of {len(values)} classes; {evidence}"
    return "supported", evidence


def _calibration(scored: Mapping[str, Any], s: Statement) -> tuple[Standing, str]:
    """Judge the calibration error, which a small sample pushes up.

    It is at most the root-mean-square error of the same bins, so the upper end of the debiased one bounds it from
    above; from below, the plain one less what a calibrated model shows in 97.5 % of samples of this size (triangle
    inequality).
    """
    plain, rms, floor = interval(scored["ece"]), interval(scored["rms_calibration_error"]), scored["ece_floor"]
    bounds = Interval(plain.estimate, max(0.0, plain.estimate - floor["q975"]), rms.high)
    return settle(bounds, s.bar, above=s.above), (
        f"plain {_words(plain)}, where a perfectly calibrated model shows {floor['mean']:.3f} (95% of the time below "
        f"{floor['q95']:.3f}); without what the small sample adds {_words(rms)}"
    )


def _words(value: Interval) -> str:
    return "not measured" if math.isnan(value.estimate) else str(value)


def _ends(value: Interval) -> str:
    return f"[{value.low:.3f}, {value.high:.3f}]"


def _needed(standing: Standing, value: Interval, threshold: float, groups: int) -> str:
    """Say how many objects would settle it if the figure stayed (an interval narrows with the root of their number)."""
    distance = value.estimate - threshold
    if standing != "n too small to say" or math.isnan(value.low) or abs(distance) < 0.005:
        return ""
    half = value.estimate - value.low if distance > 0 else value.high - value.estimate
    return f"; about {math.ceil(groups * (half / distance) ** 2)} objects would settle it if the figure stayed"
