"""The decision as a graph: the same as scikit-learn's own objects, for every kind of member, in both formats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ai_models.artifacts.export.decision import _group, decision_module
from ai_models.artifacts.export.graphs import run_graph, run_script, to_onnx, traced
from ai_models.classifier import HybridClassifier
from ai_models.core.errors import DataError
from ai_models.core.settings import FeatureConfig
from ai_models.ensemble.combination import Combination
from ai_models.ensemble.compiled.trees import TreeMembers
from ai_models.ensemble.members import KINDS, MemberSpec, build, logits
from ai_models.ensemble.scaler import BlockScaler
from ai_models.ensemble.voting import VotingEnsemble
from ai_models.features import HybridFeatureExtractor

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

BLOCKS = {"cnn": slice(0, 20), "hog": slice(20, 50), "plain": slice(50, 56)}


class _Own:
    """A member that nobody knows."""

    def fit(self, Z: np.ndarray, y: np.ndarray) -> _Own:
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, Z: np.ndarray) -> np.ndarray:
        return np.full((len(Z), len(self.classes_)), 1.0 / len(self.classes_))


def _own(seed: int, params: Any) -> _Own:
    return _Own()


def _model(kinds: tuple[str, ...], classes: int, *, twice: bool = False) -> tuple[HybridClassifier, np.ndarray]:
    rng = np.random.default_rng([classes, len(kinds)])
    y = np.repeat(np.arange(classes), 12)
    X = rng.normal(size=(len(y), 56)) + rng.normal(size=(classes, 56))[y] * 0.7
    X = X.astype(np.float32)
    scaler = BlockScaler(BLOCKS, max_components={"cnn": 8, "hog": 12, "plain": 0}, reference=("cnn",)).fit(X)
    views = (("cnn",), ("cnn", "hog"), ("plain",))
    specs = tuple(MemberSpec(kind, view) for kind in kinds for view in views)
    weights = rng.uniform(0.2, 1.0, len(specs))
    combination = Combination(specs, tuple((weights / weights.sum()).tolist()), 0.7)
    ensemble = VotingEnsemble(combination, scaler.slices_).fit(scaler.transform(X), y)
    extractor = HybridFeatureExtractor(FeatureConfig(test_time_augmentation=twice))
    nothing: Any = None
    model = HybridClassifier(extractor, scaler, ensemble, nothing, nothing, tuple(f"c{i}" for i in range(classes)))
    rows = rng.normal(size=(300, 56)).astype(np.float32)
    rows[0] = 0  # an unreadable image's
    return model, np.concatenate([rows, X])


def _by_scikit_learn(model: HybridClassifier, X: np.ndarray) -> np.ndarray:
    Z, vote = model.scaler.transform(X), model.ensemble
    said = [logits(m, Z[:, columns], spec.kind, len(model.classes)) for spec, columns, m in vote.members_]
    pooled = np.tensordot(vote.combination.weights, np.stack(said), 1) / vote.combination.temperature
    shares = np.exp(pooled - pooled.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("kinds", [*((kind,) for kind in KINDS), tuple(KINDS)], ids="+".join)
def test_graphs_give_what_scikit_learn_gives(kinds: tuple[str, ...], classes: int) -> None:
    model, X = _model(kinds, classes)
    expected = _by_scikit_learn(model, X)
    module = decision_module(model)
    for p, pooled in (
        run_graph(to_onnx(module, [("features", X.shape[1])]), X),
        run_script(traced(module, X[:2]), X),
    ):
        assert p.dtype == pooled.dtype == np.float32
        assert np.abs(p - expected).max() < 2e-6
        assert (p.argmax(axis=1) == expected.argmax(axis=1)).all()
        shares = np.exp(pooled - pooled.max(axis=1, keepdims=True))
        assert shares / shares.sum(axis=1, keepdims=True) == pytest.approx(p, abs=1e-6)


@pytest.mark.parametrize("kind", ["forest", "boosting"])
def test_a_value_on_a_threshold_goes_the_same_way(kind: str) -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 30)
    Z = rng.integers(0, 4, (90, 5)) + y[:, None] * 1.0  # whole numbers: thresholds lie half way between two
    spec = MemberSpec(kind, ("cnn",))
    model = build(spec, 0).fit(Z, y)
    group = TreeMembers([(spec, np.arange(5), model)], 5, 3)
    rows = rng.integers(0, 12, (400, 5)) / 2
    assert np.isin(group.trees.threshold, rows).any()
    with torch.no_grad():
        got = _group(torch, group)(torch.tensor(rows)).numpy()
    assert np.abs(got - group.logits(rows)).max() < 1e-12


def test_what_has_no_graph_is_told() -> None:
    with pytest.raises(DataError, match="of your own making and has no graph"):
        decision_module(_model(("lda", f"{__name__}:_own"), 3)[0])
    with pytest.raises(DataError, match="looks at each image twice"):
        decision_module(_model(("lda",), 3, twice=True)[0])
