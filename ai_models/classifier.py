"""From images to calibrated probabilities, prediction sets and a verdict: the object that is saved and served."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import DataError
from ai_models.core.images import RGBImage
from ai_models.core.predictions import Prediction, Predictions
from ai_models.core.settings import FeatureConfig
from ai_models.ensemble.combination import softmax
from ai_models.ensemble.compiled import CompiledPipeline
from ai_models.ensemble.judge import Judge
from ai_models.ensemble.outliers import FoldDetectors
from ai_models.ensemble.scaler import BlockScaler
from ai_models.ensemble.voting import VotingEnsemble
from ai_models.execution import single_threaded_libraries
from ai_models.features.extraction import RawFeatures
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
        return self.probabilities_of(*self.looks(self.extractor.extract_raw(items)))

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
        return self.judge_raw(raw.take(readable)).among(readable, details)

    def judge_raw(self, raw: RawFeatures) -> Predictions:
        """Return the predictions of images by what `extractor.extract_raw` gave; each must have been readable."""
        with single_threaded_libraries():
            looks = self.looks(raw)
            return self._judged(looks[0], self.probabilities_of(*looks), raw.quality)

    def judge_features(self, X: NDArray[np.float32], quality: NDArray[np.float32] | None = None) -> Predictions:
        """Return the predictions of rows of features: the twin of `predict_batch` where X is computed already.

        Parameters
        ----------
        X
            float32 (n, d), as `extractor.extract_batch` gives it.
        quality
            float32 (n, 5), as `RawFeatures.quality` has it; without it nothing is said of the photographs' quality.

        Raises
        ------
        DataError
            When the model takes a second look at each image, of which X knows nothing: see `judge_raw`.
        """
        if self._looks_closer:
            raise DataError("this model looks at each image twice: give judge_raw what extract_raw returns")
        return self._judged(X, self.probabilities_of(X), quality)

    def probabilities_of(self, *looks: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return calibrated probabilities of rows of features, float64 (n, k).

        Parameters
        ----------
        looks
            float32 (n, d) each; of several looks at the same images the logits are averaged.
        """
        with single_threaded_libraries():  # OpenMP teams of a boosted member cost more than its trees on a busy machine
            pipeline = self._pipeline()
            said = [self.ensemble.combination.pooled(pipeline.logits(X)) for X in looks]
            return softmax(said[0] if len(said) == 1 else np.mean(said, axis=0))

    def _pipeline(self) -> CompiledPipeline:
        """Return scaler and ensemble as one, made once."""
        parts = (self.scaler, self.ensemble)
        made: tuple[tuple[BlockScaler, VotingEnsemble], CompiledPipeline] | None = self.__dict__.get("_made")
        if made is None or made[0] != parts:
            self._made = made = parts, self.ensemble.behind(self.scaler)  # threads that come at once make the same
        return made[1]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_made"}

    @property
    def _looks_closer(self) -> bool:
        return (self.extractor.config or FeatureConfig()).test_time_augmentation

    def looks(self, raw: RawFeatures) -> list[NDArray[np.float32]]:
        """Return the features of each look that the model takes at the images, float32 (n, d), the whole first."""
        closer = raw.closer if self._looks_closer else None
        return [self.extractor.encode(look) for look in (raw, closer) if look is not None]

    def _judged(
        self, X: NDArray[np.float32], p: NDArray[np.float64], quality: NDArray[np.float32] | None
    ) -> Predictions:
        with single_threaded_libraries():
            return self.judge.judge(self.classes, p, self.detector.scores(X), quality)
