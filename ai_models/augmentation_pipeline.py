"""Stage 3: training photographs -> changed copies, balanced by class.

Run as ``python ai_models/augmentation_pipeline.py``, as ``python -m ai_models.augmentation_pipeline``
or as ``amulet-ai augment``.
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
    from ai_models.augmentation import AugmentationPipeline, augment_manifest
    from ai_models.core.settings import AugmentationConfig

__all__ = ["AugmentationConfig", "AugmentationPipeline", "augment_manifest"]
__getattr__ = lazy_names(
    __name__,
    {
        "AugmentationConfig": "ai_models.core.settings",
        "AugmentationPipeline": "ai_models.augmentation",
        "augment_manifest": "ai_models.augmentation",
    },
)

if __name__ == "__main__":
    from ai_models.cli import script

    script("augment")
