"""The soft logistic regression against scikit-learn, its gradient against torch, its fidelity against its own words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ai_models.core.errors import DataError
from ai_models.explaining.evidence import network_blocks
from ai_models.explaining.surrogate import TRUSTED, Fidelity, fit_soft_logistic, fit_surrogate
from ai_models.metrics import Interval

RNG = np.random.default_rng(0)


def test_hard_targets_give_scikit_learns_regression():
    Z = RNG.normal(size=(90, 5))
    y = (Z @ RNG.normal(size=(5, 3)) + RNG.normal(size=(90, 3))).argmax(axis=1)
    W, c = fit_soft_logistic(Z, np.eye(3)[y], 0.5)
    known = LogisticRegression(C=2.0, tol=1e-10, max_iter=5000).fit(Z, y)
    np.testing.assert_allclose(W - W.mean(0), known.coef_ - known.coef_.mean(0), atol=1e-4)
    np.testing.assert_allclose(c, known.intercept_ - known.intercept_.mean(), atol=1e-4)


def test_soft_targets_of_a_linear_head_give_it_back():
    Z = RNG.normal(size=(400, 3))
    true = np.array([[1.0, -0.5, 0.2], [-0.3, 0.8, 0.0], [0.0, 0.0, -1.0]])
    logits = Z @ true.T + np.array([0.3, -0.1, -0.2])
    q = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    W, c = fit_soft_logistic(Z, q, 1e-8)
    np.testing.assert_allclose(W - W.mean(0), true - true.mean(0), atol=1e-3)
    np.testing.assert_allclose(c, [0.3, -0.1, -0.2], atol=1e-3)


@pytest.fixture(scope="module")
def surrogate(evidence):
    found = fit_surrogate(evidence)
    assert found is not None
    return found


def test_only_networks_are_seen(surrogate, model):
    assert list(surrogate.columns) == list(network_blocks(model)) == ["cnn"]


def test_it_is_fitted_again_to_the_same(surrogate, evidence):
    again = fit_surrogate(evidence)
    assert again is not None
    np.testing.assert_array_equal(again.weights["cnn"], surrogate.weights["cnn"])
    assert again.fidelity == surrogate.fidelity


def test_fidelity_is_of_photographs_that_it_was_not_fitted_on(evidence):
    """Targets that are noise cannot be foretold: in sample the agreement would be far above chance."""
    noise = np.random.default_rng(1).dirichlet([0.2] * 3, len(evidence))
    found = fit_surrogate(replace(evidence, probabilities=noise))
    assert found is not None
    assert found.fidelity.agreement.estimate < 0.65
    assert found.fidelity.difference > 0.25
    assert found.fidelity.photographs == len(evidence) == 29
    assert found.fidelity.objects == len(set(evidence.groups.tolist()))


def test_fidelity_of_a_vote_that_is_itself_linear_is_high(evidence, model):
    W = np.zeros((3, model.scaler.n_features_out_))
    W[:, 0] = -1, 0, 1  # the leading component of the network alone
    logits = evidence.scaled.astype(float) @ W.T * 40
    p = np.exp(logits - logits.max(1, keepdims=True))
    found = fit_surrogate(replace(evidence, probabilities=p / p.sum(1, keepdims=True)))
    assert found is not None
    assert found.fidelity.agreement.estimate > 0.85
    assert found.fidelity.difference < 0.2


@pytest.mark.parametrize(("share", "trusted"), [(TRUSTED, True), (TRUSTED - 0.01, False)])
def test_where_trust_ends(share, trusted):
    assert Fidelity(Interval(share, 0, 1), 0.1, 20, 10).trusted is trusted


def test_the_gradient_is_torchs(surrogate, model):
    torch = pytest.importorskip("torch")
    e = torch.tensor(np.random.default_rng(3).uniform(0, 2, 32), requires_grad=True)
    components = torch.tensor(model.scaler.components_["cnn"].astype(np.float64))
    mean = torch.tensor(model.scaler.mean_["cnn"].astype(np.float64))
    z = components @ (e / e.norm() - mean)
    logits = torch.tensor(surrogate.weights["cnn"]) @ z + torch.tensor(surrogate.intercept)
    (logits[2] - logits[0]).backward()
    got = surrogate.gradient(model, "cnn", e.detach().numpy(), 2, 0)
    np.testing.assert_allclose(got, e.grad.numpy(), rtol=1e-6, atol=1e-12)


def test_no_network_no_surrogate(tiny_model):
    from ai_models.artifacts import load_model
    from ai_models.evidence import load_evidence

    assert fit_surrogate(load_evidence(tiny_model, load_model(tiny_model))) is None


def test_evidence_of_another_shape_is_refused(evidence):
    with pytest.raises(DataError, match="must have the shape"):
        replace(evidence, scaled=evidence.scaled[:, :-1])
