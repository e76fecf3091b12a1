"""ORB keypoints (Rublee et al., ICCV 2011), encoded as a bag of words with a codebook of the training rows."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.core.images import RGBImage
from ai_models.features.base import BaseFeatureExtractor, Encoder
from ai_models.features.encoder import BagOfWordsEncoder
from ai_models.features.registry import register

__all__ = ["OrbExtractor"]

MOST_POINTS = 256


@register
class OrbExtractor(BaseFeatureExtractor):
    """Corners: up to 256 binary descriptors of 32 bytes, the strongest first."""

    name = "orb"

    def extract_features(self, image: RGBImage) -> NDArray[np.uint8]:
        """Return uint8 (256, 33): 32 descriptor bytes and a last column that is 1 where there is a keypoint."""
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        found = cv2.ORB.create(MOST_POINTS).detectAndCompute(grey, None)[1]
        rows = np.zeros((MOST_POINTS, 33), dtype=np.uint8)
        if found is not None:
            count = min(len(found), MOST_POINTS)
            rows[:count, :32] = found[:count]
            rows[:count, 32] = 1
        return rows

    def encoder(self, seed: int) -> Encoder:
        return BagOfWordsEncoder(seed)

    def get_feature_names(self) -> list[str]:
        return BagOfWordsEncoder(0).get_feature_names()
