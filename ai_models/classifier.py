"""From images to calibrated probabilities, prediction sets and a verdict: the object that is saved and served."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.images import RGBImage
from ai_models.core.predictions import OodVerdict, Prediction, Predictions
from ai_models.ensemble.conformal import ConformalReference, prediction_sets
from ai_models.ensemble.outliers import OutlierDetector, OutlierScale
from ai_models.ensemble.scaler import BlockScaler
from ai_models.ensemble.voting import VotingEnsemble
from ai_models.execution import single_threaded_libraries
from ai_models.features.hybrid import HybridFeatureExtractor

__all__ = ["HybridClassifier", "ImageSource", "Judge"]

ImageSource = str | os.PathLike[str] | bytes | RGBImage
"""A file, the bytes of one, or RGB pixels (uint8, height x width x 3)."""


@dataclass(frozen=True)
class Judge:
    """From probabilities and outlier scores to sets, p-values and verdicts.

    Attributes
    ----------
    sets
        Out-of-fold values of 1 - probability of the true class, by object.
    outliers
        Out-of-fold combined outlier scores, by object.
    scale
        Combines the detectors' scores into one.
    coverage
        Share of sets that hold the true class.
    alpha
        Stated false-alarm rate of ``ood``.
    confidence_threshold
        Below this confidence the verdict is at least ``unsure``.
    """

    sets: ConformalReference
    outliers: ConformalReference
    scale: OutlierScale
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
            float64 (n, detectors), higher = more unusual.
        """
        sets = prediction_sets(probabilities, self.sets, self.coverage)
        scores = self.scale.combine(detector_scores)
        p_values = self.outliers.p_value(scores)
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


@dataclass
class HybridClassifier:
    """A trained classifier of images, self-contained: it carries its network, codebooks and references.

    Attributes
    ----------
    extractor
        Images -> features, float32 (n, d).
    scaler
        Features -> scaled matrix.
    ensemble
        Scaled matrix -> probabilities.
    detector
        Features -> outlier scores.
    judge
        Probabilities and outlier scores -> sets and verdicts.
    classes
        Class names, in the order of the columns of `predict_proba`.
    metadata
        What the model was made of: configs, digests, counts.
    """

    extractor: HybridFeatureExtractor
    scaler: BlockScaler
    ensemble: VotingEnsemble
    detector: OutlierDetector
    judge: Judge
    classes: tuple[str, ...]
    metadata: dict[str, Any] = field(default_factory=dict)

    def predict(self, items: Sequence[ImageSource]) -> NDArray[np.str_]:
        """Return the likeliest class of each image, (n,).

        Parameters
        ----------
        items
            Files, bytes or RGB arrays, mixed as you like.

        Raises
        ------
        DataError
            When one cannot be read; `predict_batch` gives such a row its own verdict instead.
        """
        best = self.predict_proba(items).argmax(axis=1)
        return np.array([self.classes[b] for b in best], dtype=np.str_)

    def predict_proba(self, items: Sequence[ImageSource]) -> NDArray[np.float64]:
        """Return calibrated probabilities, float64 (n, k); raises as `predict`."""
        if not len(items):
            return np.zeros((0, len(self.classes)))
        return self.probabilities_of(self.extractor.extract_batch(items))

    def predict_one(self, item: ImageSource) -> Prediction:
        """Return everything that is known of one image; an unreadable one has the verdict ``unreadable``."""
        return self.predict_batch([item])[0]

    def predict_batch(self, items: Sequence[ImageSource], *, label: str = "") -> Predictions:
        """Return a row for every image, also for the unreadable.

        Parameters
        ----------
        items
            Files, bytes or RGB arrays.
        label
            Text of the progress bar; empty for none.
        """
        raw = self.extractor.extract_raw(items, on_error="record", label=label)
        readable = np.array([i for i in range(len(items)) if i not in raw.errors], dtype=np.int64)
        reasons = [raw.errors.get(i, "") for i in range(len(items))]
        if not len(readable):
            return Predictions.unreadable(self.classes, reasons)
        return self.judge_features(self.extractor.encode(raw.take(readable))).among(readable, reasons)

    def judge_features(self, X: NDArray[np.float32]) -> Predictions:
        """Return the predictions of rows of features: the twin of `predict_batch` where X is computed already.

        Parameters
        ----------
        X
            float32 (n, d), as `extractor.extract_batch` gives it.
        """
        with single_threaded_libraries():
            return self.judge.judge(self.classes, self.probabilities_of(X), self.detector.scores(X))

    def probabilities_of(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return calibrated probabilities of rows of features, float64 (n, k)."""
        with single_threaded_libraries():  # OpenMP teams of a boosted member cost more than its trees on a busy machine
            return self.ensemble.predict_proba(self.scaler.transform(X))
