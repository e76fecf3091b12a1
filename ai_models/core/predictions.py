"""What a model says of images: one typed result, and the arrays of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ai_models.core.paths import to_text
from ai_models.core.tables import csv_bytes

__all__ = ["OodVerdict", "Prediction", "Predictions", "Reason", "set_text"]


class OodVerdict(StrEnum):
    """What to make of a prediction."""

    IN_DOMAIN = "in_domain"
    UNSURE = "unsure"
    OOD = "ood"
    UNREADABLE = "unreadable"


class Reason(StrEnum):
    """Why the verdict is what it is."""

    NONE = "none"
    """It is ``in_domain``."""
    QUALITY = "quality"
    """The photograph itself is worse than those that were trained on."""
    FAR = "far"
    """It lies farther from every training photograph than known objects do."""
    NEAR_CLASS = "near_class"
    """It lies as near to training photographs as known objects do, and is unusual all the same."""
    AMBIGUOUS = "ambiguous"
    """It is like known objects, but not clearly of one class."""
    UNREADABLE = "unreadable"
    """There is no image."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The result for one image.

    Attributes
    ----------
    predicted_class
        The likeliest class; empty where the image is unreadable.
    confidence
        Its calibrated probability in [0, 1]; NaN where the image is unreadable.
    probabilities
        Class name -> calibrated probability; they sum to 1.
    prediction_set
        The classes that the stated coverage, over all photographs, keeps in play; the verdict goes by it.
    ood_score
        Higher = more unusual.
    ood_p_value
        Share of known objects that look at least as unusual, in (0, 1].
    verdict
        See `OodVerdict`.
    reason
        Why the verdict is what it is; see `Reason`.
    prediction_set_by_class
        The classes that the coverage within each class keeps in play.
    detail
        The reason in a clause, with its figures; empty where there is none.
    """

    predicted_class: str
    confidence: float
    probabilities: Mapping[str, float]
    prediction_set: tuple[str, ...]
    ood_score: float
    ood_p_value: float
    verdict: OodVerdict
    reason: Reason = Reason.NONE
    prediction_set_by_class: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True)
class Predictions:
    """The results for n images and k classes, as arrays.

    Parameters
    ----------
    classes
        Class names, in the order of the columns.
    probabilities
        float64 (n, k), rows sum to 1; NaN where the image is unreadable.
    sets
        bool (n, k), the pooled prediction sets.
    ood_scores, ood_p_values
        float64 (n,); NaN where the image is unreadable.
    verdicts
        n verdicts.
    reasons
        n reasons, or none at all where they are not known.
    sets_by_class
        bool (n, k), the class-conditional prediction sets; None where they are not known.
    details
        n clauses, or none at all.
    """

    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]
    sets: NDArray[np.bool_]
    ood_scores: NDArray[np.float64]
    ood_p_values: NDArray[np.float64]
    verdicts: tuple[OodVerdict, ...]
    reasons: tuple[Reason, ...] = field(default=())
    sets_by_class: NDArray[np.bool_] | None = None
    details: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.verdicts)

    @property
    def readable(self) -> NDArray[np.bool_]:
        """Bool (n,): where there was an image."""
        return np.array([v is not OodVerdict.UNREADABLE for v in self.verdicts], dtype=np.bool_)

    @property
    def predicted(self) -> list[str]:
        """The likeliest class of each image, ``""`` where unreadable."""
        best = np.nan_to_num(self.probabilities, nan=-1.0).argmax(axis=1)
        return [self.classes[b] if ok else "" for b, ok in zip(best, self.readable, strict=True)]

    @property
    def confidence(self) -> NDArray[np.float64]:
        """float64 (n,): the largest probability, NaN where unreadable."""
        return np.asarray(self.probabilities.max(axis=1), dtype=np.float64)

    def __getitem__(self, i: int) -> Prediction:
        row = self.probabilities[i]
        readable = self.verdicts[i] is not OodVerdict.UNREADABLE
        return Prediction(
            predicted_class=self.classes[int(row.argmax())] if readable else "",
            confidence=float(row.max()),
            probabilities={c: float(p) for c, p in zip(self.classes, row, strict=True)},
            prediction_set=self._named(self.sets, i),
            ood_score=float(self.ood_scores[i]),
            ood_p_value=float(self.ood_p_values[i]),
            verdict=self.verdicts[i],
            reason=self.reasons[i] if self.reasons else Reason.NONE,
            prediction_set_by_class=self._named(self.sets_by_class, i),
            detail=self.details[i] if self.details else "",
        )

    def __iter__(self) -> Iterator[Prediction]:
        return (self[i] for i in range(len(self)))

    def _named(self, sets: NDArray[np.bool_] | None, i: int) -> tuple[str, ...]:
        return () if sets is None else tuple(c for c, inside in zip(self.classes, sets[i], strict=True) if inside)

    def take(self, rows: NDArray[np.int64]) -> Predictions:
        """Return some rows, in the order given."""
        return Predictions(
            self.classes,
            self.probabilities[rows],
            self.sets[rows],
            self.ood_scores[rows],
            self.ood_p_values[rows],
            tuple(self.verdicts[i] for i in rows.tolist()),
            tuple(self.reasons[i] for i in rows.tolist()) if self.reasons else (),
            None if self.sets_by_class is None else self.sets_by_class[rows],
            tuple(self.details[i] for i in rows.tolist()) if self.details else (),
        )

    @classmethod
    def concatenated(cls, parts: Sequence[Predictions]) -> Predictions:
        """Return the rows of several predictions of the same classes, one after another."""
        by_class = [p.sets_by_class for p in parts if p.sets_by_class is not None]
        whole = [p._with_words() for p in parts]
        return cls(
            parts[0].classes,
            np.concatenate([p.probabilities for p in parts]),
            np.concatenate([p.sets for p in parts]),
            np.concatenate([p.ood_scores for p in parts]),
            np.concatenate([p.ood_p_values for p in parts]),
            tuple(v for p in parts for v in p.verdicts),
            tuple(r for p in whole for r in p.reasons),
            np.concatenate(by_class) if len(by_class) == len(parts) else None,
            tuple(d for p in whole for d in p.details),
        )

    def _with_words(self) -> Predictions:
        """Return the same with a reason and a clause for each row."""
        reasons = self.reasons or tuple(
            Reason.UNREADABLE if v is OodVerdict.UNREADABLE else Reason.NONE for v in self.verdicts
        )
        return replace(self, reasons=reasons, details=self.details or ("",) * len(self))

    @classmethod
    def unreadable(cls, classes: tuple[str, ...], details: Sequence[str]) -> Predictions:
        """Return a row without a prediction for each clause that says why."""
        n, k = len(details), len(classes)
        nothing = np.full(n, np.nan)
        return cls(
            classes,
            np.full((n, k), np.nan),
            np.zeros((n, k), dtype=np.bool_),
            nothing,
            nothing.copy(),
            (OodVerdict.UNREADABLE,) * n,
            (Reason.UNREADABLE,) * n,
            np.zeros((n, k), dtype=np.bool_),
            tuple(details),
        )

    def among(self, places: NDArray[np.int64], details: Sequence[str]) -> Predictions:
        """Return these rows spread over more, every other row unreadable.

        Parameters
        ----------
        places
            int64 (m,), distinct: where each of these m rows goes.
        details
            Why there is nothing, for each row of the result; those at `places` are not used.
        """
        if np.array_equal(places, np.arange(len(details))):
            return self
        others = np.setdiff1d(np.arange(len(details)), places)
        nothing = Predictions.unreadable(self.classes, [details[i] for i in others.tolist()])
        return Predictions.concatenated([self, nothing]).take(np.argsort(np.concatenate([places, others])))

    def with_prior(self, ratio: NDArray[np.float64]) -> Predictions:
        """Return the predictions for a place where the classes are otherwise frequent (Saerens et al. 2002).

        Probabilities become proportional to ``probabilities * ratio``. Sets, verdicts and outlier scores stay: they
        were calibrated on out-of-fold probabilities as they are, and the class-conditional sets hold whatever the
        frequencies.

        Parameters
        ----------
        ratio
            float64 (k,), positive: how frequent each class is there over how frequent it was in training.
        """
        weighed = self.probabilities * ratio
        return replace(self, probabilities=weighed / weighed.sum(axis=1, keepdims=True))

    def to_csv(self, paths: Sequence[str], extra: Mapping[str, Sequence[str]] | None = None) -> bytes:
        """Return the UTF-8 CSV that `predict` writes, one row an image.

        Parameters
        ----------
        paths
            n names, written with `ai_models.core.paths.to_text`.
        extra
            Further columns (name -> n values), after ``path``; written as the paths are.
        """
        more = dict(extra or {})
        if any(len(column) != len(self) for column in (paths, *more.values())):
            raise ValueError(f"paths and extra columns must have {len(self)} values, one for each prediction")
        header = ["path", *more, "predicted_class", "confidence", *(f"p_{to_text(c)}" for c in self.classes)]
        judged_by = ["prediction_set", "ood_score", "ood_p_value", "verdict", "reason", "prediction_set_by_class"]
        rows: list[list[str]] = [[*header, *judged_by]]
        predicted, confidence = self.predicted, self.confidence
        reasons = [str(reason) for reason in self._with_words().reasons]
        for i, path in enumerate(paths):
            pooled, by_class = ("|".join(map(set_text, self._named(s, i))) for s in (self.sets, self.sets_by_class))
            own = [to_text(values[i]) for values in more.values()]
            said = [to_text(predicted[i]), _number(confidence[i]), *(_number(p) for p in self.probabilities[i])]
            judged = [_number(self.ood_scores[i]), _number(self.ood_p_values[i]), str(self.verdicts[i]), reasons[i]]
            rows.append([to_text(path), *own, *said, pooled, *judged, by_class])
        return csv_bytes(rows)


def set_text(label: str) -> str:
    r"""Write a class name for ``prediction_set``, where ``|`` stands between names: a bar becomes ``\x7c``."""
    return to_text(label).replace("|", "\\x7c")


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.9g}"
