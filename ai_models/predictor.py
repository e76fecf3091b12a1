"""A loaded model that is warm: what a program that answers one image after another holds."""

from __future__ import annotations

import copy
import os
from typing import Self

import numpy as np

from ai_models.artifacts import load_model, read_bundle
from ai_models.classifier import HybridClassifier, ImageSource
from ai_models.core.predictions import Prediction
from ai_models.core.settings import FeatureConfig

__all__ = ["Predictor"]

_VERSION_DIGITS = 12


class Predictor:
    """One image in, one answer out; everything that is made only once is made at construction.

    Networks are started, trees and matrices laid out, and libraries looked up by a first answer to a grey picture, so
    that no caller waits for them. Nothing is cached or written, no worker is started: an answer is computed in the
    thread that asks, on one core. Any number of threads may ask at once; they get what each would get alone.

    Parameters
    ----------
    model
        The classifier; it is not changed.
    version
        What answers may be called by.

    Attributes
    ----------
    classes
        Class names.
    image_sizes
        Sides in pixels of the squares that the model's features see, the usual one first.
    version
        As given; of a loaded model the first digits of its digest.

    Examples
    --------
    >>> predictor = Predictor.load("saved_models/mine")  # doctest: +SKIP
    >>> answer = predictor.predict("photograph.jpg")  # doctest: +SKIP
    >>> answer.verdict, answer.predicted_class, answer.confidence  # doctest: +SKIP
    """

    def __init__(self, model: HybridClassifier, version: str = "") -> None:
        extractor = copy.copy(model.extractor)
        config = extractor.config or FeatureConfig()
        extractor.config, extractor.workers = config.replace(cache_features=False), 1
        self._model = copy.copy(model)
        self._model.extractor = extractor
        self.classes = model.classes
        self.image_sizes = config.image_sizes
        self.version = version
        grey = np.full((self.image_sizes[0], self.image_sizes[0], 3), 128, dtype=np.uint8)
        self._model.predict_batch([grey])

    @classmethod
    def load(cls, directory: str | os.PathLike[str]) -> Self:
        """Load a model directory, checked before it is unpickled.

        Raises
        ------
        BundleError
            When it is incomplete, altered or of other versions.
        """
        version = str(read_bundle(directory).get("model_digest", ""))[:_VERSION_DIGITS]
        return cls(load_model(directory), version)

    def predict(self, image: ImageSource) -> Prediction:
        """Return everything that is known of one image.

        Parameters
        ----------
        image
            A file, the bytes of one, or RGB pixels, uint8 (height, width, 3).

        Returns
        -------
        Prediction
            With the verdict ``unreadable``, and why in ``detail``, where there was no image.

        Raises
        ------
        DataError
            When it is none of the three.
        """
        return self._model.predict_one(image)
