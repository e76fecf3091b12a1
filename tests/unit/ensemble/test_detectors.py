"""Each detector against scikit-learn or its closed form; higher is more unusual."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

from ai_models.ensemble.detectors import (
    Energy,
    Isolation,
    Mahalanobis,
    NearestNeighbours,
    PrincipalView,
    RelativeMahalanobis,
    View,
    VirtualLogit,
)
from ai_models.ensemble.outliers import DETECTORS

RNG = np.random.default_rng(0)
Y = np.repeat(np.arange(3), 40)
CENTRES = np.zeros((3, 60))
CENTRES[np.arange(3), np.arange(3)] = 4.0


def rows(centres: np.ndarray, seed: int) -> np.ndarray:
    """Rows of unit length about centres that vary more in the first ten directions."""
    spread = np.r_[np.full(10, 1.0), np.full(centres.shape[1] - 10, 0.3)]
    drawn = centres + np.random.default_rng(seed).normal(size=centres.shape) * spread
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


KNOWN, NEW = rows(CENTRES[Y], 1), rows(CENTRES[Y], 2)
FAR = rows(np.roll(CENTRES[Y], 20, axis=1), 3)


@pytest.fixture(scope="module")
def view() -> PrincipalView:
    return PrincipalView().fit(KNOWN, Y)


def test_the_view_is_that_of_scikit_learn(view: PrincipalView) -> None:
    pca = PCA(30, svd_solver="full").fit(KNOWN.astype(np.float64))
    seen = view.transform(NEW)
    theirs = pca.transform(NEW.astype(np.float64))
    assert np.abs(seen.along) == pytest.approx(np.abs(theirs), abs=1e-5)
    left = NEW - pca.inverse_transform(theirs)
    assert seen.across == pytest.approx(np.linalg.norm(left, axis=1), abs=1e-5)
    head = LogisticRegression(C=100.0, max_iter=1000).fit(KNOWN.astype(np.float64), Y)
    assert seen.logits == pytest.approx(head.decision_function(NEW.astype(np.float64)), abs=1e-6)


def test_two_classes_have_two_logits_and_one_has_none() -> None:
    two = PrincipalView().fit(KNOWN[:80], Y[:80]).transform(NEW)
    assert two.logits.shape == (120, 2)
    assert two.logits.sum(axis=1) == pytest.approx(0, abs=1e-9)
    one = PrincipalView().fit(KNOWN[:40], Y[:40]).transform(NEW)
    assert (one.logits == 0).all()
    scores = RelativeMahalanobis().fit(PrincipalView().fit(KNOWN[:40], Y[:40]).transform(KNOWN[:40]), Y[:40])
    assert (scores.scores(one) == 0).all()


def test_mahalanobis_and_its_relative_form_equal_scikit_learn(view: PrincipalView) -> None:
    known, new = view.transform(KNOWN), view.transform(NEW)
    means = np.stack([known.along[c == Y].mean(axis=0) for c in range(3)])
    within = LedoitWolf(assume_centered=True).fit(known.along - means[Y])
    by_class = np.stack([within.mahalanobis(new.along - m) for m in means])
    assert Mahalanobis().fit(known, Y).scores(new) == pytest.approx(by_class.min(axis=0), rel=1e-6)
    whole = LedoitWolf().fit(known.along)
    relative = by_class.min(axis=0) - whole.mahalanobis(new.along)
    assert RelativeMahalanobis().fit(known, Y).scores(new) == pytest.approx(relative, rel=1e-6, abs=1e-6)


def test_nearest_neighbours_are_cosine_distances() -> None:
    """With as many components as columns nothing is left across, and the distance is scikit-learn's."""
    few = np.ascontiguousarray(KNOWN[:, :12] / np.linalg.norm(KNOWN[:, :12], axis=1, keepdims=True))
    view = PrincipalView().fit(few, Y)
    assert len(view.components_) == 12
    found = NearestNeighbours().fit(view.transform(few[:60]), Y[:60]).scores(view.transform(few[60:]))
    theirs = NearestNeighbors(n_neighbors=3, metric="cosine").fit(few[:60]).kneighbors(few[60:])[0][:, 2]
    assert found == pytest.approx(theirs, abs=1e-5)


def test_what_lies_across_the_components_adds_to_the_distance() -> None:
    def at(along: float, across: float) -> View:
        return View(np.zeros((1, 3), np.float32), np.array([[along]]), np.array([across]), np.zeros((1, 1)))

    detector = NearestNeighbours().fit(at(0.6, 0.3), np.array([0]))
    assert detector.scores(at(0.2, 0.5)) == pytest.approx((0.4**2 + 0.3**2 + 0.5**2) / 2)


def test_energy_and_virtual_logit_are_their_formulas(view: PrincipalView) -> None:
    known, new = view.transform(KNOWN), view.transform(NEW)
    energy = -logsumexp(new.logits, axis=1)
    assert Energy().fit(known, Y).scores(new) == pytest.approx(energy)
    scale = known.logits.max(axis=1).sum() / known.across.sum()
    assert VirtualLogit().fit(known, Y).scores(new) == pytest.approx(scale * new.across + energy)


def test_the_forest_is_the_one_of_scikit_learn(view: PrincipalView) -> None:
    ours = Isolation(7).fit(view.transform(KNOWN), Y).scores(view.transform(NEW))
    theirs = IsolationForest(n_estimators=40, random_state=7).fit(KNOWN).score_samples(NEW)
    assert ours == pytest.approx(-theirs)
    far = Isolation(7).fit(view.transform(KNOWN), Y).scores(view.transform(KNOWN + np.float32(1.0)))
    assert far.min() > np.quantile(ours, 0.9)


@pytest.mark.parametrize("name", ["vim", "nearest_neighbours"])
def test_rows_of_another_kind_score_higher(view: PrincipalView, name: str) -> None:
    detector = DETECTORS[name]().fit(view.transform(KNOWN), Y)
    near, far = detector.scores(view.transform(NEW)), detector.scores(view.transform(FAR))
    assert np.quantile(far, 0.1) > np.quantile(near, 0.9)


@pytest.mark.parametrize("name", ["energy", "relative_mahalanobis", "mahalanobis"])
def test_a_row_between_the_classes_scores_higher(name: str) -> None:
    """These look at the components alone: what they can see is a row between or beyond the classes."""
    view = PrincipalView().fit(KNOWN, Y)
    detector = DETECTORS[name]().fit(view.transform(KNOWN), Y)
    between = rows(np.repeat(CENTRES.mean(axis=0)[None], 40, axis=0), 4)
    near = detector.scores(view.transform(NEW))
    assert np.median(detector.scores(view.transform(between))) > np.quantile(near, 0.8)


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_few_and_equal_rows_give_finite_scores(name: str) -> None:
    same = np.repeat(KNOWN[:1], 6, axis=0)
    view = PrincipalView().fit(same, np.arange(6) % 2)
    found = DETECTORS[name]().fit(view.transform(same), np.arange(6) % 2).scores(view.transform(NEW))
    assert np.isfinite(found).all()
