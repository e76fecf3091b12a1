"""What to photograph next: for each class how many, of what and why, the most worth first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import DataError
from ai_models.core.paths import to_text
from ai_models.core.settings import EvaluationConfig
from ai_models.core.tables import csv_bytes
from ai_models.evaluation.class_advice import ClassAdvice, Evidence, Fall, advise_on
from ai_models.evaluation.figures import as_json
from ai_models.evaluation.growth import Growth, measure_growth
from ai_models.evaluation.next_photographs_text import evidence, of_what, why
from ai_models.evaluation.plain_features import plain_features
from ai_models.evaluation.scoring import Model
from ai_models.evaluation.sub_kinds import SubKind, find_sub_kinds
from ai_models.evaluation.suspects import Judged
from ai_models.evaluation.thin_regions import ThinRegions, find_thin_regions
from ai_models.metrics import Interval

__all__ = ["NextPhotographs", "advise"]

_COLUMNS = ("rank", "class", "how_many", "at_least", "at_most", "of_what", "why", "evidence")


@dataclass(frozen=True)
class NextPhotographs:
    """The list, ranked, and what it rests on.

    Attributes
    ----------
    judged
        The photographs.
    advice
        One a class, the most worth first.
    growth
        None where it was not measured.
    thin
        None where it was not measured.
    reason
        Why not.
    sub_kinds, looked_at
        Kinds in which errors gather, and how many were looked at.
    """

    judged: Judged
    advice: tuple[ClassAdvice, ...]
    growth: Growth | None
    thin: ThinRegions | None
    reason: str
    sub_kinds: tuple[SubKind, ...]
    looked_at: int

    def figures(self) -> dict[str, Any]:
        """Return what was found, ready for JSON."""
        return {
            "images": len(self.judged.y),
            "groups": len(set(self.judged.groups.tolist())),
            "not_measured": self.reason,
            "curve": None if self.growth is None else _curve_figures(self.growth, self.judged.classes),
            "thin": None if self.thin is None else self._thin_figures(self.thin),
            "kinds_looked_at": self.looked_at,
            "kinds": [
                {"kind": s.name, "class": s.label, "p": s.p, "p_corrected": s.corrected,
                 "counts": {label: stratum._asdict() for label, stratum in s.counts.items()}}
                for s in self.sub_kinds
            ],
            "classes": [self._class_figures(a) for a in self.advice],
        }  # fmt: skip

    def to_csv(self) -> bytes:
        """Return a row a class, the most worth first."""
        rows: list[tuple[object, ...]] = [_COLUMNS]
        for rank, f in enumerate(self.figures()["classes"], start=1):
            number = f["how_many"]
            rows.append((
                rank, to_text(f["class"]), number["estimate"], number["low"], number["high"], to_text(of_what(f)),
                to_text(why(f)), to_text(" ".join(evidence(f))),
            ))  # fmt: skip
        return csv_bytes(rows)

    def _class_figures(self, a: ClassAdvice) -> dict[str, Any]:
        stratum = a.of_what.in_class(a.label) if a.of_what else None
        far = None
        if self.thin is not None:
            rows = self.thin.thin & (self.judged.y == self.judged.classes.index(a.label))
            far = len(set(self.judged.groups[rows].tolist()))
        return {
            "class": a.label,
            "images": a.images,
            "groups": a.objects,
            "how_many": dict(zip(("estimate", "low", "high"), a.number, strict=True)),
            "purpose": a.purpose,
            "kind": None
            if a.of_what is None or stratum is None
            else {"name": a.of_what.name, "p_corrected": a.of_what.corrected, **stratum._asdict()},
            "recall": as_json(a.recall),
            "worth_of_ten": as_json(a.worth),
            "chance_of_first": a.first,
            "own_gain": None if a.gain is None else as_json(a.gain),
            "taken_for": [{"class": other, "groups": n} for other, n in a.taken_for],
            "thin_groups": far,
        }

    def _thin_figures(self, thin: ThinRegions) -> dict[str, Any]:
        return {
            "images": int(thin.thin.sum()),
            "groups": len(set(self.judged.groups[thin.thin].tolist())),
            "wrong_groups": thin.wrong_objects,
            "wrong_farther": None if np.isnan(thin.farther) else thin.farther,
            "p": None if np.isnan(thin.p) else thin.p,
        }


def advise(judged: Judged, model: Model, config: EvaluationConfig) -> NextPhotographs:
    """Say what to photograph next.

    Parameters
    ----------
    judged
        Labelled photographs and what models that had not seen them say.
    model
        Its extractor gives the features on which the curves are fitted.
    config
        Seed, workers.
    """
    wrong = judged.p.argmax(axis=1) != judged.y
    sub_kinds, looked_at = find_sub_kinds(judged.records, judged.groups, wrong)
    growth, thin, reason = _measured(judged, wrong, model, config)
    there = np.unique(judged.y).tolist()
    seen = Evidence(judged, wrong, sub_kinds, growth)
    falls = [Fall.of(c, seen, config.seed) for c in there]
    first = np.bincount(np.stack([f.worth for f in falls]).argmax(axis=0), minlength=len(there)) / len(falls[0].worth)
    advice = [advise_on(c, fall, float(share), seen) for c, fall, share in zip(there, falls, first, strict=True)]
    ranked = sorted(advice, key=lambda a: (not a.purpose, -a.worth.estimate, a.label))
    return NextPhotographs(judged, tuple(ranked), growth, thin, reason, sub_kinds, looked_at)


def _measured(
    judged: Judged, wrong: NDArray[np.bool_], model: Model, config: EvaluationConfig
) -> tuple[Growth | None, ThinRegions | None, str]:
    try:
        features = plain_features(model, judged.files, label="next photographs")
    except DataError as error:  # a model of codebooks alone has nothing that may be compared across folds
        return None, None, str(error)
    if len(features.readable) < len(judged.files):
        gone = len(judged.files) - len(features.readable)
        return None, None, f"{gone} of {len(judged.files)} photographs are not where they were"
    thin = find_thin_regions(features.X, judged.y, judged.groups, wrong, seed=config.seed)
    growth = measure_growth(features.X, judged.y, judged.groups, seed=config.seed, workers=config.workers)
    return growth, thin, "" if growth else "fewer than two classes have the 4 objects that a curve needs"


def _curve_figures(growth: Growth, classes: tuple[str, ...]) -> dict[str, Any]:
    errors, noise = growth.points.errors()
    curve, sizes = growth.curve, growth.points.objects
    doubled, gain = growth.doubled()
    half = 1.96 * np.sqrt(np.diag(noise))
    return {
        "images": growth.photographs,
        "groups": growth.objects,
        "folds": growth.points.folds,
        "repeats": len(growth.points.right),
        "left_out": [classes[c] for c in growth.left_out],
        "measured": [
            {"groups": float(n), **as_json(Interval(1 - e, max(0.0, 1 - e - h), min(1.0, 1 - e + h)))}
            for n, e, h in zip(sizes, errors, half, strict=True)
        ],
        "fitted": [
            {"groups": float(n), **as_json(_accuracy(curve.at(float(n))))}
            for n in np.geomspace(sizes[0], 2 * curve.largest, 25)
        ],
        "now": as_json(_accuracy(curve.at(curve.largest))),
        "doubled": as_json(doubled),
        "doubled_gain": as_json(gain),
    }


def _accuracy(error: Interval) -> Interval:
    return Interval(1 - error.estimate, 1 - error.high, 1 - error.low)
