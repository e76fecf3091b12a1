"""Detection figures against scikit-learn, with ties."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ai_models.metrics import auroc, fpr_at_tpr, roc_curve


@pytest.mark.parametrize("decimals", [1, 9], ids=["ties", "no ties"])
def test_auroc_equal_to_sklearn(decimals):
    rng = np.random.default_rng(0)
    inside, outside = rng.normal(size=80).round(decimals), rng.normal(1, 2, size=50).round(decimals)
    truth = np.r_[np.zeros(80), np.ones(50)]
    expected = roc_auc_score(truth, np.r_[inside, outside])
    assert auroc(inside, outside) == pytest.approx(expected)
    fpr, tpr = roc_curve(inside, outside)
    assert np.trapezoid(tpr, fpr) == pytest.approx(expected)
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert (np.diff(fpr) >= 0).all()


def test_by_hand():
    inside, outside = np.array([1.0, 2, 3, 4]), np.array([3.5, 5, 6, 0])
    assert auroc(inside, outside) == pytest.approx((3 + 4 + 4 + 0) / 16)
    assert fpr_at_tpr(inside, outside, 0.75) == pytest.approx(0.25)
    assert fpr_at_tpr(inside, outside, 1.0) == 1.0
    assert fpr_at_tpr(np.zeros(3), np.ones(20), 0.95) == 0.0
    assert auroc(-inside, -outside) == pytest.approx(1 - auroc(inside, outside))


def test_nothing_to_compare_is_nan():
    none = np.empty(0)
    assert np.isnan([auroc(none, np.ones(2)), auroc(np.ones(2), none), fpr_at_tpr(none, np.ones(1))]).all()
