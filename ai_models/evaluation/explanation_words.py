"""An explanation in plain words, its limits among them."""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

from ai_models.core.counts import photographs_of, plural
from ai_models.explaining import Explanation, HeatMap
from ai_models.explaining.surrogate import TRUSTED

__all__ = [
    "MapCheck",
    "blocks_sentence",
    "fidelity_sentence",
    "map_checks",
    "map_standing",
    "nearest_sentence",
    "said_sentence",
    "score_sentence",
]


def said_sentence(found: Explanation) -> str:
    """Return what the model says, how sure it is, and what else it holds possible."""
    said = found.prediction
    inside = ", ".join(said.prediction_set)
    why = f" ({said.detail})" if said.detail else ""
    second = said.probabilities[found.against]
    return (
        f"The model says {said.predicted_class} with {_percent(said.confidence)}, then {found.against} with "
        f"{_percent(second)}; verdict: {str(said.verdict).replace('_', ' ')}{why}. "
        f"Classes that remain possible: {inside}."
    )


def nearest_sentence(found: Explanation) -> str:
    """Return what the nearest training photographs show, and whether the image is near to them at all."""
    near = found.nearest
    if not near.neighbours:
        return "There is no other training object to compare with."
    counts = Counter(n.record.label for n in near.neighbours).most_common()
    classes = ", ".join(f"{n} {label}" for label, n in counts)
    return (
        f"The nearest {plural(len(near.neighbours), 'training object')}: {classes}. The image is closer to the first "
        f"of them than {near.farther:.0%} of the {near.objects} training objects are to their own nearest: near 0% it "
        "is like nothing that was trained on."
    )


def blocks_sentence(found: Explanation) -> str:
    """Return what the contributions add up to, and how to read them."""
    total = found.blocks.total
    times = math.exp(min(total, 10.0))
    odds = "more than 10,000 times" if times > 1e4 else f"{times:,.0f} times" if times >= 10 else f"{times:.1f} times"
    return (
        f"{found.prediction.predicted_class} is {odds} as likely as {found.against}: a margin of {total:+.2f} in "
        "natural logarithms, of which each bar is a part. They say what the model used, not what is true of the object."
    )


def fidelity_sentence(heat: HeatMap) -> str:
    """Return how far the surrogate, which the map is drawn from, agrees with the model."""
    f = heat.fidelity
    return (
        f"The map is drawn from a stand-in for the vote that can be differentiated. On "
        f"{photographs_of(f.photographs, f.objects, 'training photograph')} that it was not fitted on, it names the "
        f"model's class for {f.agreement.estimate:.0%} [{f.agreement.low:.0%}, {f.agreement.high:.0%}], and its "
        f"probability differs by {f.difference:.2f} on average. Here it gives {_percent(heat.surrogate_probability)} "
        "to the predicted class."
    )


def score_sentence(heat: HeatMap) -> str:
    """Return how the map fared when what it points at was taken away, beside maps that know nothing."""
    if heat.score is None:
        return "The map was not tested by taking away what it points at."
    score = heat.score
    gains = [one.gain for one in score.random]
    return (
        f"Tested on the real model: insertion minus deletion is {score.heat_map.gain:+.2f} (higher is better, at most "
        f"1); {plural(len(gains), 'random map')} of the same coarseness: {score.random_gain:+.2f} on average, from "
        f"{min(gains):+.2f} to {max(gains):+.2f}; a spot in the middle: {score.centre.gain:+.2f}."
    )


class MapCheck(NamedTuple):
    """One reason for or against relying on a heat map.

    Attributes
    ----------
    question, finding
        What was asked, and the answer.
    passed
        Whether the answer speaks for the map.
    failure
        The clause that tells a failed check.
    decisive
        Whether a failure forbids relying on the map; else it asks for care.
    """

    question: str
    finding: str
    passed: bool
    failure: str
    decisive: bool = True


def map_checks(found: Explanation) -> list[MapCheck]:
    """Return what speaks for and against relying on the heat map; nothing where there is none."""
    heat = found.heat_map
    if heat is None:
        return []
    f, same = heat.fidelity, heat.surrogate_class == found.prediction.predicted_class
    checks = [
        MapCheck(
            f"Does the stand-in agree with the model on {TRUSTED:.0%} of the training photographs?",
            f"{f.agreement.estimate:.0%} [{f.agreement.low:.0%}, {f.agreement.high:.0%}]",
            f.trusted,
            "the stand-in that it is drawn from agrees with the model too seldom",
        ),
        MapCheck(
            "Does it name the model's class for this image?",
            "yes" if same else f"no, {heat.surrogate_class}",
            same,
            f"the stand-in that it is drawn from names {heat.surrogate_class} here",
        ),
    ]
    if heat.score is not None:
        score, drawn = heat.score, plural(len(heat.score.random), "random map")
        checks += [
            MapCheck(
                "Does the model depend on what the map points at more than on random places?",
                f"more than on {score.beaten} of {drawn}",
                score.beats_random,
                f"it beats only {score.beaten} of {drawn}",
            ),
            MapCheck(
                "More than on the middle of the image?",
                "yes" if score.beats_centre else "no",
                score.beats_centre,
                "it does no better than pointing at the middle of the image",
                decisive=False,
            ),
        ]
    return checks


def map_standing(found: Explanation) -> str:
    """Return in a sentence whether the heat map can be relied on; empty where there is none."""
    checks = map_checks(found)
    failed = [check for check in checks if not check.passed]
    if not checks:
        return ""
    if failed:
        start = "Do not rely on this map" if any(check.decisive for check in failed) else "Read this map with care"
        return f"{start}: {'; '.join(check.failure for check in failed)}."
    if len(checks) == 2:
        return "The stand-in agrees with the model here; the map itself was not tested."
    return "The map passed its checks: it shows where the network's part of this prediction comes from."


def _percent(probability: float) -> str:
    """Return a probability as a percentage that is never called certain."""
    if probability > 0.995:
        return "over 99%"
    return "under 1%" if probability < 0.005 else f"{probability:.0%}"
