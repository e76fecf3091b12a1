"""Stage 6: model directory + photographs -> figures with their uncertainty, and a report.

``rows`` which photographs are scored · ``scoring`` what the model says of them · ``figures`` ``detection``
``importance`` ``speed`` numbers · ``claims`` what they allow to be said · ``report`` the page · ``evaluate`` all of it.
"""

from ai_models.evaluation.evaluate import Evaluation, PerformanceAnalyzer, evaluate_model

__all__ = ["Evaluation", "PerformanceAnalyzer", "evaluate_model"]
