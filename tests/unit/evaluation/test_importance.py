"""Importance on a model whose use of its columns is known."""

from types import SimpleNamespace

import numpy as np
import pytest

from ai_models.core.settings import EvaluationConfig
from ai_models.evaluation import importance

CONFIG = EvaluationConfig(bootstrap_draws=100)


class Known:
    """Looks at column 2 alone."""

    extractor = SimpleNamespace(
        block_slices={"noise": slice(0, 2), "signal": slice(2, 4)},
        get_feature_names_out=lambda: np.array(["n_0", "n_1", "s_0", "s_1"], dtype=object),
    )

    def probabilities_of(self, X):
        p = 1 / (1 + np.exp(-4 * X[:, 2].astype(float)))
        return np.stack([1 - p, p], axis=1)


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    X = rng.normal(size=(80, 4)).astype(np.float32)
    X[:, 2] = y * 2 - 1
    return SimpleNamespace(X=X, y=y, groups=np.arange(80).astype(str))


def test_the_used_column_has_the_loss_of_a_coin(scored):
    """Shuffling x = +-1 halves the right ones: the increase is half the difference of the two losses, 4 / 2."""
    by_block = {row["block"]: row["nll_increase"] for row in importance.block_importance(Known(), scored, CONFIG)}
    assert by_block["noise"] == {"estimate": 0, "low": 0, "high": 0}
    assert by_block["signal"]["estimate"] == pytest.approx(2.0, rel=0.1)
    assert by_block["signal"]["low"] > 1
    features = importance.feature_importance(Known(), scored, CONFIG)
    assert features[0]["feature"] == "s_0"
    assert [row["nll_increase"]["estimate"] for row in features[1:]] == [0, 0, 0]


def test_the_size_of_a_call_changes_nothing(scored, monkeypatch):
    whole = importance.feature_importance(Known(), scored, CONFIG)
    monkeypatch.setattr(importance, "_BATCH", 1)
    assert importance.feature_importance(Known(), scored, CONFIG) == whole


def test_large_blocks_are_screened(scored, monkeypatch):
    monkeypatch.setattr(importance, "_SMALL_BLOCK", 1)
    monkeypatch.setattr(importance, "_SCREENED", 1)
    found = importance.feature_importance(Known(), scored, CONFIG)
    assert len(found) == 2
    assert found[0]["feature"] == "s_0"
