"""Stage 1: a folder of images -> findings, groups, manifest and report.

Run as ``python ai_models/dataset_inspector.py``, as ``python -m ai_models.dataset_inspector``
or as ``amulet-ai inspect``.
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
    from ai_models.core.settings import InspectionConfig
    from ai_models.inspection import DatasetInspector, inspect_dataset

__all__ = ["DatasetInspector", "InspectionConfig", "inspect_dataset"]
__getattr__ = lazy_names(
    __name__,
    {
        "DatasetInspector": "ai_models.inspection",
        "InspectionConfig": "ai_models.core.settings",
        "inspect_dataset": "ai_models.inspection",
    },
)

if __name__ == "__main__":
    from ai_models.cli import script

    script("inspect")
