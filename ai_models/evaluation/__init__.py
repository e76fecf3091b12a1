"""Stage 6: model directory + photographs -> figures with their uncertainty, and a report.

``rows`` which photographs are scored · ``scoring`` what the model says of them · ``figures`` ``detection``
``importance`` ``speed`` numbers · ``leak_meter`` what a careless split would have promised · ``suspects``
``class_outliers`` labels that deserve a look · ``claims`` what may be said · ``report`` the page, of
``*_section`` files · ``evaluate`` all.
Beside it, ``explanations``: a model directory and images -> why the model says what it says of each.
"""

from typing import TYPE_CHECKING

from ai_models.core.lazy import lazy_names

if TYPE_CHECKING:
    from ai_models.evaluation.evaluate import Evaluation, PerformanceAnalyzer, evaluate_model

__all__ = ["Evaluation", "PerformanceAnalyzer", "evaluate_model"]

# lazily, for explanations need neither matplotlib nor jinja2 until their page is written
__getattr__ = lazy_names(__name__, dict.fromkeys(__all__, "ai_models.evaluation.evaluate"))
