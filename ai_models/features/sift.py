"""Dense SIFT (Lowe, IJCV 2004) at two scales, encoded as VLAD with a codebook of the training rows."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.core.images import RGBImage, resize
from ai_models.features.base import BaseFeatureExtractor, Encoder
from ai_models.features.dense_sift import dense_sift, grid
from ai_models.features.encoder import VladEncoder
from ai_models.features.registry import register

__all__ = ["SiftExtractor"]

# (side of the reduced image, step between points, width of a bin), in pixels
SCALES = ((112, 8, 6.0), (56, 7, 6.0))


@register
class SiftExtractor(BaseFeatureExtractor):
    """Local shape: 260 upright SIFT descriptors on fixed grids, whatever the image's size."""

    name = "sift"
    version = 2

    def extract_features(self, image: RGBImage) -> NDArray[np.uint8]:
        """Return uint8 (260, 128): 14 x 14 points of the finer scale, then 8 x 8 of the coarser, row by row."""
        return np.concatenate(
            [
                dense_sift(np.asarray(cv2.cvtColor(resize(image, side), cv2.COLOR_RGB2GRAY), np.uint8), grid(side, *at))
                for side, *at in SCALES
            ]
        )

    def encoder(self, seed: int) -> Encoder:
        return VladEncoder(seed)

    def get_feature_names(self) -> list[str]:
        return VladEncoder(0).get_feature_names()
