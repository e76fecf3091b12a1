"""Laws of the metrics."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_models import metrics as m

seeds = st.integers(0, 2**31)


def rows(seed, n, k):
    rng = np.random.default_rng(seed)
    return rng.integers(0, k, n), rng.dirichlet(np.full(k, 0.4), n)


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 60), st.integers(2, 7), st.integers(2, 30))
def test_every_row_in_exactly_one_bin(seed, n, k, bins):
    y, p = rows(seed, n, k)
    p[: n // 2] = np.eye(k)[y[: n // 2]]  # confidence exactly on the last edge
    p[n // 2] = 1 / k  # and maybe on an inner one
    table = m.reliability(y, p, bins)
    assert table.count.sum() == n
    held = table.count > 0
    slack = 1e-12
    assert (table.confidence[held] >= table.edges[:-1][held] - slack).all()
    assert (table.confidence[held] <= table.edges[1:][held] + slack).all()


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 60), st.integers(2, 7))
def test_permuting_classes_permutes_rows_and_columns(seed, n, k):
    y, p = rows(seed, n, k)
    predicted = p.argmax(axis=1)
    order = np.random.default_rng(seed).permutation(k)
    place = np.argsort(order)  # old class -> new class
    a, b = m.confusion_matrix(y, predicted, k), m.confusion_matrix(place[y], place[predicted], k)
    assert (a[np.ix_(order, order)] == b).all()
    np.testing.assert_allclose(m.per_class(y, predicted, k).f1[order], m.per_class(place[y], place[predicted], k).f1)
    for figure in (m.nll, m.brier, m.ece):
        np.testing.assert_allclose(figure(y, p), figure(place[y], p[:, order]))


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 60), st.integers(2, 7))
def test_sure_and_right_has_no_loss(seed, n, k):
    y, _ = rows(seed, n, k)
    p = np.eye(k)[y]
    assert (m.nll(y, p), m.brier(y, p), m.ece(y, p)) == (0, 0, 0)
    assert m.accuracy(y, p.argmax(axis=1)) == m.top_k_accuracy(y, p, 1) == 1


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 400), st.data())
def test_share_intervals_hold_the_share(n, data):
    x = data.draw(st.integers(0, n))
    for interval in (m.wilson(x, n), m.clopper_pearson(x, n)):
        assert 0 <= interval.low <= x / n <= interval.high <= 1
