"""Writes features.npz: what every block gives for one of scikit-image's pictures.

Run it after raising the version of a block whose output was changed on purpose:
``python tests/golden/make_features.py``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import skimage.data

from ai_models.core.images import RGBImage, resize
from ai_models.core.settings import FeatureConfig
from ai_models.features import (
    BaseFeatureExtractor,
    CnnExtractor,
    ColourExtractor,
    HogExtractor,
    LbpExtractor,
    OrbExtractor,
    SiftExtractor,
)

BLOCKS: tuple[type[BaseFeatureExtractor], ...] = (
    CnnExtractor, HogExtractor, LbpExtractor, ColourExtractor, SiftExtractor, OrbExtractor,
)  # fmt: skip
FILE = Path(__file__).parent / "features.npz"
SIZE = 96


def picture() -> RGBImage:
    """Return the cat, reduced."""
    return resize(skimage.data.chelsea(), SIZE)


def block_of(cls: type[BaseFeatureExtractor]) -> BaseFeatureExtractor:
    """Return a block of the golden settings."""
    return cls(FeatureConfig(image_size=SIZE, cache_features=False, device="cpu"))


def main() -> None:
    """Write the file."""
    kept: dict[str, np.ndarray] = {}
    for cls in BLOCKS:
        kept[f"{cls.name}_version"] = np.array(cls.version)
        kept[cls.name] = block_of(cls).extract_features(picture())
    np.savez_compressed(FILE, **kept)


if __name__ == "__main__":
    main()
