"""Calibration figures against scikit-learn, closed forms and a plain second writing."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from ai_models.metrics import calibration as m


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(5)
    p = rng.dirichlet([0.6] * 4, 300)
    y = np.array([rng.choice(4, p=row) for row in p])
    return y, p


def plain_ece(y, p, bins):
    """A loop over bins, as the paper writes it."""
    confidence, right = p.max(1), p.argmax(1) == y
    total = 0.0
    for b in range(bins):
        inside = (confidence > b / bins) & (confidence <= (b + 1) / bins)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return total


def test_equal_to_sklearn(rows):
    y, p = rows
    assert m.nll(y, p) == pytest.approx(log_loss(y, p, labels=range(4)))
    assert m.brier(y, p) == pytest.approx(brier_score_loss(y, p, labels=range(4), scale_by_half=False))


@pytest.mark.parametrize("bins", [2, 10, 15])
def test_ece_equal_to_a_loop(rows, bins):
    y, p = rows
    assert m.ece(y, p, bins) == pytest.approx(plain_ece(y, p, bins))


def test_ece_equal_to_torchmetrics(rows):
    torch = pytest.importorskip("torch")
    torchmetrics = pytest.importorskip("torchmetrics.functional.classification")
    y, p = rows
    theirs = torchmetrics.multiclass_calibration_error(
        torch.tensor(p), torch.tensor(y), num_classes=p.shape[1], n_bins=15, norm="l1"
    )
    assert m.ece(y, p, 15) == pytest.approx(float(theirs), abs=1e-6)


def test_nll_is_clipped():
    assert m.nll(np.array([1]), np.array([[1.0, 0.0]])) == pytest.approx(-np.log(1e-12))


def test_reliability_by_hand():
    p = np.array([[1.0, 0.0], [0.75, 0.25], [0.5, 0.5], [0.5, 0.5]])
    table = m.reliability(np.array([0, 1, 0, 1]), p, 4)
    assert table.count.tolist() == [0, 2, 1, 1]
    np.testing.assert_allclose(table.accuracy, [np.nan, 0.5, 0, 1])
    np.testing.assert_allclose(table.confidence, [np.nan, 0.5, 0.75, 1])


def test_floor_is_what_calibrated_labels_show(rows):
    """Draw labels from p many times with another generator: mean and quantile agree."""
    _, p = rows
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(200):
        y = (p.cumsum(1) > rng.random((len(p), 1))).argmax(1)
        seen.append(m.ece(y, p))
    floor = m.ece_floor(p, seed=1, draws=400)
    assert floor.mean == pytest.approx(np.mean(seen), rel=0.06)
    assert floor.q95 == pytest.approx(np.quantile(seen, 0.95), rel=0.1)
    assert floor.q95 < floor.q975
    assert floor == m.ece_floor(p, seed=1, draws=400)
    assert floor != m.ece_floor(p, seed=2, draws=400)


def test_floor_of_rows_that_go_together_is_that_of_fewer_rows(rows):
    """300 rows in 60 groups of five equal ones: wholly dependent they are worth 60 rows, independent ones 300."""
    _, p = rows
    few = p[:60]
    many, groups = np.repeat(few, 5, axis=0), np.repeat(np.arange(60), 5)
    alone = m.ece_floor(few, seed=0, draws=400).mean
    assert m.ece_floor(many, groups, dependence=1.0, seed=0, draws=400).mean == pytest.approx(alone, rel=0.06)
    assert m.ece_floor(many, groups, dependence=0.0, seed=0, draws=400).mean < 0.7 * alone


def test_no_rows_is_nan():
    y, p = np.empty(0, np.int64), np.empty((0, 3))
    values = [m.nll(y, p), m.brier(y, p), m.ece(y, p), *m.ece_floor(p, seed=0)]
    assert np.isnan(values).all()
