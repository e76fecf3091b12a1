"""Which places of an image speak for one class against another: Grad-CAM through the frozen network.

Grad-CAM (Selvaraju et al. 2017) weighs each last feature map by the spatial mean of the score's gradient in it. Where
the embedding e is the mean of the maps A over h x w places and the score s is a function of e, that gradient is the
same everywhere, ds/dA_kij = ds/de_k / (h w), so

    map_ij = sum_k ds/de_k A_kij / (h w)

needs one forward pass and no automatic differentiation. The usual cut at zero is left to the picture: what lies below
zero speaks for the other class. Since the surrogate sees unit-length embeddings, a longer embedding changes nothing,
and the map sums to zero: it says where the evidence lies relative to the rest of the image, not how much there is.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.classifier import HybridClassifier
from ai_models.core.images import RGBImage
from ai_models.explaining.evidence import network_blocks
from ai_models.explaining.surrogate import Surrogate
from ai_models.features.feature_maps import feature_maps

__all__ = ["grad_cam", "network_maps", "upsampled"]

Floats = NDArray[np.float64]


def grad_cam(maps: NDArray[np.floating], gradient: Floats) -> Floats:
    """Return the map before the cut at zero, float64 (h, w).

    Parameters
    ----------
    maps
        Float (d, h, w), the last feature maps.
    gradient
        float64 (d,), of the score in the mean of the maps over space.
    """
    return np.asarray(np.tensordot(gradient, maps.astype(np.float64), 1) / maps[0].size)


def network_maps(
    model: HybridClassifier, surrogate: Surrogate, images: Mapping[int, RGBImage], a: int, b: int
) -> Mapping[str, Floats]:
    """Return each network block's map for class `a` against class `b`, float64 (h, w); together they are the margin's.

    Parameters
    ----------
    model
        It carries the networks.
    surrogate
        In place of the vote.
    images
        Side s -> what blocks of that size see: uint8 (s, s, 3), RGB, preprocessed as the model asks.
    a, b
        Columns of the probabilities.

    Raises
    ------
    AmuletError
        When a network has no map (see `ai_models.features.feature_maps`).
    """
    found = {}
    for name, block in network_blocks(model).items():
        if name in surrogate.columns:
            seen = feature_maps(block.model_bytes(), images[block.image_size])
            found[name] = grad_cam(seen.maps, surrogate.gradient(model, name, seen.embedding, a, b))
    return found


def upsampled(maps: Mapping[str, Floats], height: int, width: int) -> Floats:
    """Return the sum of maps, each brought to the size of an image by bilinear interpolation, float64 (h, w)."""
    total = np.zeros((height, width))
    for one in maps.values():
        total += cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR)
    return total
