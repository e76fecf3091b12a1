"""Stage 5: photographs -> a calibrated ensemble in a model directory.

Run as ``python ai_models/hybrid_trainer.py``, as ``python -m ai_models.hybrid_trainer``
or as ``amulet-ai train``.
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
    from ai_models.core.settings import TrainingConfig
    from ai_models.training import HybridTrainer, train_model

__all__ = ["HybridTrainer", "TrainingConfig", "train_model"]
__getattr__ = lazy_names(
    __name__,
    {
        "HybridTrainer": "ai_models.training",
        "TrainingConfig": "ai_models.core.settings",
        "train_model": "ai_models.training",
    },
)

if __name__ == "__main__":
    from ai_models.cli import script

    script("train")
