"""Principal components: those of scikit-learn, exactly where rows are few and as far as they matter where many."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from ai_models.ensemble import principal_components as module
from ai_models.ensemble.detectors import PrincipalView
from ai_models.ensemble.principal_components import principal_components


def _rows(n: int, d: int, decay: float = 0.7) -> np.ndarray:
    """Rows whose variances fall as a power of their rank, as those of features do, about their mean."""
    rng = np.random.default_rng([n, d])
    scales = np.arange(1, min(n, d) + 1) ** -decay
    rows = (rng.normal(size=(n, len(scales))) * scales) @ np.linalg.qr(rng.normal(size=(d, len(scales))))[0].T
    return np.asarray(rows - rows.mean(axis=0), dtype=np.float32)


@pytest.mark.parametrize(("n", "d"), [(40, 90), (90, 40), (50, 50)])
def test_few_rows_give_the_components_of_scikit_learn(n: int, d: int) -> None:
    rows = _rows(n, d)
    found = principal_components(rows, 12)
    expected = PCA(12, svd_solver="full").fit(rows.astype(np.float64)).components_
    signs = np.sign(expected[np.arange(12), np.abs(expected).argmax(axis=1)])
    np.testing.assert_allclose(found, expected * signs[:, None], atol=2e-5)


@pytest.mark.parametrize(("n", "d"), [(260, 500), (500, 260)])
def test_many_rows_give_nearly_the_same_subspace(n: int, d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = _rows(n, d)
    exact = principal_components(rows, 32)
    monkeypatch.setattr(module, "LARGE", 200)
    monkeypatch.setattr(module, "_exact", None)  # must not be needed
    found = principal_components(rows, 32)
    assert found.shape == exact.shape
    np.testing.assert_allclose(found @ found.T, np.eye(32), atol=1e-5)
    held, most = ((rows @ components.T).var(axis=0).sum() for components in (found, exact))
    assert held > 0.9999 * most
    np.testing.assert_allclose(np.abs((found[:16] * exact[:16]).sum(axis=1)), 1.0, atol=1e-3)
    assert found.tobytes() == principal_components(rows, 32).tobytes()


def test_many_rows_that_span_little_give_as_many_components(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(300, 5)) @ rng.normal(size=(5, 400))).astype(np.float32)
    rows -= rows.mean(axis=0)
    monkeypatch.setattr(module, "LARGE", 200)
    assert len(principal_components(rows, 32)) == 5
    np.testing.assert_array_equal(principal_components(np.zeros_like(rows), 32), np.zeros((1, 400)))


def test_a_share_of_the_variance_ends_earlier_in_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = _rows(260, 500)
    exact = principal_components(rows, 32, 0.5)
    monkeypatch.setattr(module, "LARGE", 200)
    assert 1 < len(exact) == len(principal_components(rows, 32, 0.5)) < 32


def test_more_rows_than_columns_are_looked_at_through_the_covariance(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = _rows(120, 30)
    y = np.arange(120) % 2
    usual = PrincipalView().fit(rows, y).transform(rows)
    monkeypatch.setattr("ai_models.ensemble.detectors.view.LARGE", 100)
    seen = PrincipalView().fit(rows, y).transform(rows)
    np.testing.assert_allclose(np.abs(seen.along), np.abs(usual.along), atol=1e-4)
    np.testing.assert_allclose(seen.across, usual.across, atol=1e-4)
