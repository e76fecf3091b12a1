"""Stage 4: images -> float32 (n, d), cached on disk.

Run as ``python ai_models/feature_extractors.py``, as ``python -m ai_models.feature_extractors``
or as ``amulet-ai extract``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__" and not __package__:  # started as a file: look beside the package, not in it
    _package = Path(__file__).resolve().parent
    sys.path[:] = [str(_package.parent), *(p for p in sys.path if Path(p).resolve() != _package)]

from ai_models.core.lazy import lazy_names

if TYPE_CHECKING:
    from ai_models.core.settings import FeatureConfig, PreprocessConfig
    from ai_models.features.base import BaseFeatureExtractor
    from ai_models.features.hybrid import HybridFeatureExtractor
    from ai_models.features.registry import register

__all__ = ["BaseFeatureExtractor", "FeatureConfig", "HybridFeatureExtractor", "PreprocessConfig", "register"]
__getattr__ = lazy_names(
    __name__,
    {
        "BaseFeatureExtractor": "ai_models.features.base",
        "FeatureConfig": "ai_models.core.settings",
        "HybridFeatureExtractor": "ai_models.features.hybrid",
        "PreprocessConfig": "ai_models.core.settings",
        "register": "ai_models.features.registry",
    },
)

if __name__ == "__main__":
    from ai_models.cli import script

    script("extract")
