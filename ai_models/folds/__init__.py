"""Folds and held-out shares that keep groups whole, hold every class, and are even."""

from ai_models.folds.assignment import assign_folds, assign_holdout, largest_k
from ai_models.folds.balance import distortion, spread, unevenness
from ai_models.folds.splitters import GroupedStratifiedKFold, RepeatedGroupedStratifiedKFold

__all__ = [
    "GroupedStratifiedKFold",
    "RepeatedGroupedStratifiedKFold",
    "assign_folds",
    "assign_holdout",
    "distortion",
    "largest_k",
    "spread",
    "unevenness",
]
