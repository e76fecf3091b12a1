"""Arrays -> numbers, with what their sample size leaves open; NumPy only.

Labels are integers 0..k-1, probabilities float (n, k), scores higher = more unusual.
"""

from __future__ import annotations

from ai_models.metrics.bootstrap import group_draws, grouped_bootstrap, grouped_bootstrap_many
from ai_models.metrics.brier_parts import (
    BrierParts,
    BrierRows,
    brier_parts,
    brier_parts_floor,
    brier_rows,
    isotonic_fit,
)
from ai_models.metrics.calibration import (
    EceFloor,
    ReliabilityBins,
    brier,
    brier_losses,
    ece,
    ece_floor,
    nll,
    nll_losses,
    reliability,
)
from ai_models.metrics.classification import (
    PerClass,
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    f1_macro,
    f1_weighted,
    from_confusion,
    per_class,
    top_k_accuracy,
)
from ai_models.metrics.debiased_calibration import rms_calibration_error, within_group_correlation
from ai_models.metrics.detection import auroc, fpr_at_tpr, roc_curve
from ai_models.metrics.intervals import (
    Interval,
    clopper_pearson,
    fold_inflation,
    grouped_share,
    square_and_add,
    wilson,
)
from ai_models.metrics.label_quality import (
    chance_of_at_least,
    class_thresholds,
    confident_classes,
    doubted_labels,
    label_margins,
)
from ai_models.metrics.paired import (
    GroupWins,
    PairedDifference,
    detectable_difference,
    group_wins,
    paired_difference,
    sign_flip_test,
)
from ai_models.metrics.scorecard import ClassCard, Scorecard, balancing_weights, scorecard
from ai_models.metrics.skewed_mean import skewed_mean

__all__ = [
    "BrierParts",
    "BrierRows",
    "ClassCard",
    "EceFloor",
    "GroupWins",
    "Interval",
    "PairedDifference",
    "PerClass",
    "ReliabilityBins",
    "Scorecard",
    "accuracy",
    "auroc",
    "balanced_accuracy",
    "balancing_weights",
    "brier",
    "brier_losses",
    "brier_parts",
    "brier_parts_floor",
    "brier_rows",
    "chance_of_at_least",
    "class_thresholds",
    "clopper_pearson",
    "confident_classes",
    "confusion_matrix",
    "detectable_difference",
    "doubted_labels",
    "ece",
    "ece_floor",
    "f1_macro",
    "f1_weighted",
    "fold_inflation",
    "fpr_at_tpr",
    "from_confusion",
    "group_draws",
    "group_wins",
    "grouped_bootstrap",
    "grouped_bootstrap_many",
    "grouped_share",
    "isotonic_fit",
    "label_margins",
    "nll",
    "nll_losses",
    "paired_difference",
    "per_class",
    "reliability",
    "rms_calibration_error",
    "roc_curve",
    "scorecard",
    "sign_flip_test",
    "skewed_mean",
    "square_and_add",
    "top_k_accuracy",
    "wilson",
    "within_group_correlation",
]
