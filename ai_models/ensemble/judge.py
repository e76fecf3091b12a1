"""From probabilities and outlier scores to prediction sets, p-values and a verdict with its reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_models.core.predictions import OodVerdict, Predictions
from ai_models.ensemble.conformal import ConformalReference, prediction_sets
from ai_models.ensemble.outliers import OutlierTest

__all__ = ["Judge"]


@dataclass(frozen=True)
class Judge:
    """From probabilities and outlier scores to sets, p-values and verdicts.

    Attributes
    ----------
    sets
        Out-of-fold values of 1 - probability of the true class, by object.
    outliers
        From the detectors' scores to one score and its p-value.
    coverage
        Share of sets that hold the true class.
    alpha
        Stated false-alarm rate of ``ood``.
    confidence_threshold
        Below this confidence the verdict is at least ``unsure``.
    """

    sets: ConformalReference
    outliers: OutlierTest
    coverage: float
    alpha: float
    confidence_threshold: float

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
        sets = prediction_sets(probabilities, self.sets, self.coverage)
        scores, p_values = self.outliers.test(detector_scores)
        verdicts, reasons = [], []
        usual = self.sets.p_value(1.0 - probabilities.max(axis=1)) > 1.0 - self.coverage
        for size, fits, confidence, p in zip(
            sets.sum(axis=1), usual.tolist(), probabilities.max(axis=1), p_values, strict=True
        ):
            verdict, reason = self._verdict(int(size), fits, float(confidence), float(p))
            verdicts.append(verdict)
            reasons.append(reason)
        return Predictions(classes, probabilities, sets, scores, p_values, tuple(verdicts), tuple(reasons))

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
