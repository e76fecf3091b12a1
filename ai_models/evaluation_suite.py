"""Stage 6: a model directory -> figures with their uncertainty, and a report.

Run as ``python ai_models/evaluation_suite.py``, as ``python -m ai_models.evaluation_suite``
or as ``amulet-ai evaluate``.
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
    from ai_models.core.settings import EvaluationConfig
    from ai_models.evaluation import PerformanceAnalyzer, evaluate_model

__all__ = ["EvaluationConfig", "PerformanceAnalyzer", "evaluate_model"]
__getattr__ = lazy_names(
    __name__,
    {
        "EvaluationConfig": "ai_models.core.settings",
        "PerformanceAnalyzer": "ai_models.evaluation",
        "evaluate_model": "ai_models.evaluation",
    },
)

if __name__ == "__main__":
    from ai_models.cli import script

    script("evaluate")
