"""Stage 6: model directory + photographs -> figures with their uncertainty, and a report.

``rows`` which photographs are scored · ``scoring`` what the model says of them · ``figures`` ``detection``
``importance`` ``speed`` numbers · ``leak_meter`` what a careless split would have promised · ``suspects``
``class_outliers`` labels that deserve a look · ``claims`` what may be said · ``report`` the page, of
``*_section`` files · ``evaluate`` all.
"""

from ai_models.evaluation.evaluate import Evaluation, PerformanceAnalyzer, evaluate_model

__all__ = ["Evaluation", "PerformanceAnalyzer", "evaluate_model"]
