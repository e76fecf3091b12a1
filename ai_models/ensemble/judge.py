"""From probabilities and outlier scores to prediction sets, p-values and a verdict with its reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_models.core.predictions import OodVerdict, Predictions, Reason
from ai_models.ensemble.outliers import OutlierTest
from ai_models.ensemble.photograph_quality import QualityTest
from ai_models.ensemble.prediction_sets import PredictionSets

__all__ = ["Judge"]

_Said = tuple[OodVerdict, Reason, str]


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
    quality
        Holds a photograph's quality against that of the training photographs, at a part of alpha; None where it was
        not measured.
    """

    sets: PredictionSets
    outliers: OutlierTest
    alpha: float
    confidence_threshold: float
    quality: QualityTest | None = None

    @property
    def coverage(self) -> float:
        """Share of sets that are to hold the true class."""
        return self.sets.coverage

    def judge(
        self,
        classes: tuple[str, ...],
        probabilities: NDArray[np.float64],
        detector_scores: NDArray[np.float64],
        quality: NDArray[np.float32] | None = None,
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
        quality
            float32 (n, 5), columns as `ai_models.core.quality_levels.QUALITY_COLUMNS`; None where features are all
            that is known: then nothing is said of quality.
        """
        sets, by_class = (self.sets.sets(probabilities, by_class=own) for own in (False, True))
        scores, p_values = self.outliers.test(detector_scores)
        near = self.outliers.distance_p(detector_scores) > self.alpha
        best = (np.arange(len(probabilities)), probabilities.argmax(axis=1))
        usual = self.sets.conforming(probabilities)[best]
        seen = self.quality.test(quality) if self.quality is not None and quality is not None else None
        found = []
        for i, p in enumerate(p_values.tolist()):
            sight = None if seen is None else (float(seen.p_values[i]), bool(seen.hopeless[i]), seen.faults[i])
            found.append(
                self._on_quality(sight)
                or self._on_features(float(p), bool(near[i]), classes[best[1][i]])
                or self._on_class(int(sets[i].sum()), bool(usual[i]), float(probabilities[best][i]))
            )
        verdicts, reasons, details = zip(*found, strict=True) if found else ((), (), ())
        return Predictions(classes, probabilities, sets, scores, p_values, verdicts, reasons, by_class, details)

    def _allowance(self) -> float:
        return 0.0 if self.quality is None else self.quality.allowance(self.alpha)

    def _on_quality(self, sight: tuple[float, bool, str] | None) -> _Said | None:
        if sight is None:
            return None
        p_value, hopeless, fault = sight
        if p_value <= self._allowance():
            return OodVerdict.OOD, Reason.QUALITY, f"{fault}, as hardly any training photograph is (p = {p_value:.3g})"
        if hopeless:
            return OodVerdict.UNSURE, Reason.QUALITY, f"{fault}, as no training photograph is"
        return None

    def _on_features(self, p_value: float, near: bool, name: str) -> _Said | None:
        if p_value > self.alpha - self._allowance() + 1e-12:
            return None
        if near:
            words = f"near {name}, yet unlike the known objects (p = {p_value:.3g})"
            return OodVerdict.OOD, Reason.NEAR_CLASS, words
        return OodVerdict.OOD, Reason.FAR, f"far from all known objects (p = {p_value:.3g})"

    def _on_class(self, set_size: int, usual: bool, confidence: float) -> _Said:
        if set_size > 1:
            words = f"{set_size} classes remain possible at {self.coverage:.0%} coverage"
        elif not usual and confidence < self.coverage:
            words = f"less likely than true classes usually are ({confidence:.0%})"
        elif confidence < self.confidence_threshold:
            words = f"confidence below {self.confidence_threshold:g}"
        else:
            return OodVerdict.IN_DOMAIN, Reason.NONE, ""
        return OodVerdict.UNSURE, Reason.AMBIGUOUS, words
