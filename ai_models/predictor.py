"""A loaded model that is warm: what a program that answers one image after another holds."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from typing import Self

import numpy as np

from ai_models.artifacts import Standing, Trust, open_model
from ai_models.artifacts.golden import read_golden
from ai_models.classifier import HybridClassifier, ImageSource
from ai_models.core.errors import BundleError
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
    standing
        Why the model was opened, where it was read from a directory.

    Attributes
    ----------
    classes
        Class names.
    image_sizes
        Sides in pixels of the squares that the model's features see, the usual one first.
    version
        As given; of a loaded model the first digits of its digest.
    standing
        Why the model was opened: it is signed, local or unsigned. None where it was never on a disk.

    Examples
    --------
    >>> predictor = Predictor.load("saved_models/mine")  # doctest: +SKIP
    >>> answer = predictor.predict("photograph.jpg")  # doctest: +SKIP
    >>> answer.verdict, answer.predicted_class, answer.confidence  # doctest: +SKIP
    """

    def __init__(self, model: HybridClassifier, version: str = "", standing: Standing | None = None) -> None:
        extractor = copy.copy(model.extractor)
        config = extractor.config or FeatureConfig()
        extractor.config, extractor.workers = config.replace(cache_features=False), 1
        self._model = copy.copy(model)
        self._model.extractor = extractor
        self.classes = model.classes
        self.image_sizes = config.image_sizes
        self.version = version
        self.standing = standing
        self.warm()

    @classmethod
    def load(
        cls, directory: str | os.PathLike[str], *, trust: Trust | None = None, allow_unsigned: bool = False
    ) -> Self:
        """Load a model directory, checked before it is unpickled.

        Parameters
        ----------
        directory
            The model directory.
        trust
            What it must show; by default what the user has set.
        allow_unsigned
            Open it also where nobody vouches for it.

        Raises
        ------
        UntrustedError
            When nobody vouches for it, or its version is too low.
        BundleError
            When it is incomplete, altered or of other versions.
        """
        opened = open_model(directory, trust=trust, allow_unsigned=allow_unsigned)
        return cls(opened.model, str(opened.bundle["model_digest"])[:_VERSION_DIGITS], opened.standing)

    @property
    def model(self) -> HybridClassifier:
        """The classifier as it is asked: on one core, nothing cached."""
        return self._model

    def warm(self) -> None:
        """Answer to a grey picture; a process that was forked from the one that loaded the model does so again."""
        grey = np.full((self.image_sizes[0], self.image_sizes[0], 3), 128, dtype=np.uint8)
        self._model.predict_batch([grey])

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

    def predict_many(self, images: Sequence[ImageSource]) -> list[Prediction]:
        """Return the same of several images at once, which costs a quarter less each when they are four or more.

        Parameters
        ----------
        images
            Each as for `predict`.

        Returns
        -------
        list of Prediction
            One an image, equal to what `predict` says of it up to rounding.
        """
        return list(self._model.predict_batch(images))

    def check(self, directory: str | os.PathLike[str]) -> None:
        """Predict the golden inputs of the model directory; a directory without any is passed over.

        Raises
        ------
        BundleError
            When the answers are not those that were kept in training, or what was kept cannot be read.
        """
        golden = read_golden(directory)
        fault = golden.fault(self._model.predict_batch(list(golden.images))) if golden is not None else ""
        if fault:
            raise BundleError(
                f"the model of '{directory}' does not say here what it said in training ({fault}): install the "
                "versions named in its bundle.json, or train again"
            )
