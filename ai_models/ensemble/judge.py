"""From probabilities and outlier scores to prediction sets, p-values and a verdict with its reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_models.core.predictions import OodVerdict, Predictions
from ai_models.ensemble.outliers import OutlierTest
from ai_models.ensemble.prediction_sets import PredictionSets

__all__ = ["Judge"]


@dataclass(frozen=True)
class Judge:
    """From probabilities and outlier scores to sets, p-values and verdicts.

    Attributes
    ----------
    sets
        Which classes the out-of-fold probabilities of the training objects do not rule out.
    outliers
        From the detectors' scores to one score and its p-value.
    alpha
        Stated false-alarm rate of ``ood``.
    confidence_threshold
        Below this confidence the verdict is at least ``unsure``.
    """

    sets: PredictionSets
    outliers: OutlierTest
    alpha: float
    confidence_threshold: float

    @property
    def coverage(self) -> float:
        """Share of sets that are to hold the true class."""
        return self.sets.coverage

    def judge(
        self, classes: tuple[str, ...], probabilities: NDArray[np.float64], detector_scores: NDArray[np.float64]
    ) -> Predictions:
        """Return the predictions of readable images.

        Parameters
        ----------
        classes
            k names.
        probabilities
            float64 (n, k).
        detector_scores
            float64 (folds, n, detectors) as `FoldDetectors.scores` gives them, or (n, detectors) for rows that one
            fold has scored; higher = more unusual.
        """
        sets, by_class = (self.sets.sets(probabilities, by_class=own) for own in (False, True))
        scores, p_values = self.outliers.test(detector_scores)
        verdicts, reasons = [], []
        best = (np.arange(len(probabilities)), probabilities.argmax(axis=1))
        usual = self.sets.conforming(probabilities)[best]
        for size, fits, confidence, p in zip(
            sets.sum(axis=1), usual.tolist(), probabilities.max(axis=1), p_values, strict=True
        ):
            verdict, reason = self._verdict(int(size), fits, float(confidence), float(p))
            verdicts.append(verdict)
            reasons.append(reason)
        return Predictions(classes, probabilities, sets, scores, p_values, tuple(verdicts), tuple(reasons), by_class)

    def _verdict(self, set_size: int, usual: bool, confidence: float, p_value: float) -> tuple[OodVerdict, str]:
        if p_value <= self.alpha:
            return OodVerdict.OOD, f"unlike the known objects (p = {p_value:.3g})"
        if set_size > 1:
            return OodVerdict.UNSURE, f"{set_size} classes remain possible at {self.coverage:.0%} coverage"
        if not usual and confidence < self.coverage:
            return OodVerdict.UNSURE, f"less likely than true classes usually are ({confidence:.0%})"
        if confidence < self.confidence_threshold:
            return OodVerdict.UNSURE, f"confidence below {self.confidence_threshold:g}"
        return OodVerdict.IN_DOMAIN, ""
