"""What a block of features is: one small class that turns an image into an array of fixed shape."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ai_models.core.images import RGBImage
from ai_models.core.settings import FeatureConfig

__all__ = ["BaseFeatureExtractor", "Encoder", "FloatArray"]

FloatArray = NDArray[np.float32]
"""An array of float32; the shape is told where it is used."""


class Encoder(ABC):
    """Turns the local descriptors of an image into one vector; what it learns, it learns from training rows alone."""

    @abstractmethod
    def fit(self, raw: NDArray[Any]) -> Self:
        """Learn from the raw block of training rows.

        Parameters
        ----------
        raw
            (n, ...), n images of what the block's `BaseFeatureExtractor.extract_features` returns.
        """

    @abstractmethod
    def transform(self, raw: NDArray[Any]) -> FloatArray:
        """Return float32 (n, d); a row depends on its own image alone."""


class BaseFeatureExtractor(ABC):
    """Base of every block; a block of your own is a subclass with two methods.

    Parameters
    ----------
    config
        Settings; every image that arrives is a square of the block's `image_size`.

    Attributes
    ----------
    name
        Under which it is registered, switched on, cached and named in reports.
    version
        Raise it whenever the output changes: cached features of older versions are then not used.
    config_fields
        Names of the `FeatureConfig` fields, beside the size and the weights, that the output depends on.
    size_field, weights_field
        Names of the `FeatureConfig` fields that say what side its images have, and which file its weights come from.

    Examples
    --------
    >>> @register
    ... class Brightness(BaseFeatureExtractor):
    ...     name = "brightness"
    ...     def extract_features(self, image):
    ...         return np.array([image.mean() / 255], dtype=np.float32)
    ...     def get_feature_names(self):
    ...         return ["mean"]
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    config_fields: ClassVar[tuple[str, ...]] = ()
    size_field: ClassVar[str] = "image_size"
    weights_field: ClassVar[str] = "weights"

    def __init__(self, config: FeatureConfig) -> None:
        self.config = config

    @property
    def image_size(self) -> int:
        """Side in pixels of the square that the block sees."""
        return int(getattr(self.config, self.size_field))

    @property
    def at_once(self) -> int:
        """Images that `extract_many` computes best at once."""
        return 1

    @abstractmethod
    def extract_features(self, image: RGBImage) -> NDArray[Any]:
        """Describe one image.

        Parameters
        ----------
        image
            uint8 (image_size, image_size, 3), RGB.

        Returns
        -------
        numpy.ndarray
            float32 (d,), or an array of local descriptors of fixed shape where the block has an `encoder`.
            The same shape and dtype for every image.
        """

    @abstractmethod
    def get_feature_names(self) -> list[str]:
        """Return d names, one for each column of the block's final vector (behind the encoder where it has one)."""

    def extract_many(self, images: Sequence[RGBImage]) -> NDArray[Any]:
        """Describe several images: array (n, ...). A row must not depend on the other images."""
        return np.stack([self.extract_features(image) for image in images])

    def with_config(self, config: FeatureConfig) -> Self:
        """Return the block for settings that differ only in what its output does not depend on."""
        other = copy.copy(self)
        other.config = config
        return other

    def encoder(self, seed: int) -> Encoder | None:
        """Return a new, unfitted encoder for local descriptors, or None where the block's vectors are final."""
        return None

    def weights_digest(self) -> str:
        """Return the SHA-256 (hex) of trained weights that the output depends on, or ``""``."""
        return ""

    def backend(self) -> str:
        """Return what computes it and in which precision, where there is a choice; ``""`` otherwise."""
        return ""
