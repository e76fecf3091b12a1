"""From images to calibrated probabilities, prediction sets and a verdict: the object that is saved and served."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.images import RGBImage
from ai_models.core.predictions import Prediction, Predictions
from ai_models.ensemble.judge import Judge
from ai_models.ensemble.outliers import FoldDetectors
from ai_models.ensemble.scaler import BlockScaler
from ai_models.ensemble.voting import VotingEnsemble
from ai_models.execution import single_threaded_libraries
from ai_models.features.hybrid import HybridFeatureExtractor

__all__ = ["HybridClassifier", "ImageSource"]

ImageSource = str | os.PathLike[str] | bytes | RGBImage
"""A file, the bytes of one, or RGB pixels (uint8, height x width x 3)."""


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
    detector: FoldDetectors
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
        details = [raw.errors.get(i, "") for i in range(len(items))]
        if not len(readable):
            return Predictions.unreadable(self.classes, details)
        seen = raw.take(readable)
        return self.judge_features(self.extractor.encode(seen), seen.quality).among(readable, details)

    def judge_features(self, X: NDArray[np.float32], quality: NDArray[np.float32] | None = None) -> Predictions:
        """Return the predictions of rows of features: the twin of `predict_batch` where X is computed already.

        Parameters
        ----------
        X
            float32 (n, d), as `extractor.extract_batch` gives it.
        quality
            float32 (n, 5), as `RawFeatures.quality` has it; without it nothing is said of the photographs' quality.
        """
        with single_threaded_libraries():
            return self.judge.judge(self.classes, self.probabilities_of(X), self.detector.scores(X), quality)

    def probabilities_of(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return calibrated probabilities of rows of features, float64 (n, k)."""
        with single_threaded_libraries():  # OpenMP teams of a boosted member cost more than its trees on a busy machine
            return self.ensemble.predict_proba(self.scaler.transform(X))
