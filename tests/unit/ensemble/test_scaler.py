"""Block scaling against scikit-learn's own PCA and normaliser."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize

from ai_models.ensemble.scaler import BlockScaler

BLOCKS = {"wide": slice(0, 60), "narrow": slice(60, 66)}


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).gamma(1.0, size=(40, 66)).astype(np.float32)


@pytest.mark.parametrize("block", BLOCKS)
def test_components_equal_scikit_learn(X: np.ndarray, block: str) -> None:
    scaler = BlockScaler(BLOCKS, 5, 1.0).fit(X)
    ours = scaler.transform(X)[:, scaler.slices_[block]]
    theirs = PCA(5, svd_solver="full").fit_transform(normalize(X[:, BLOCKS[block]].astype(np.float64)))
    signs = np.sign((ours * theirs).sum(axis=0))
    assert ours * signs == pytest.approx(theirs, abs=1e-5)


def test_full_rank_keeps_distances(X: np.ndarray) -> None:
    scaler = BlockScaler({"wide": BLOCKS["wide"]}, 256, 1.0).fit(X)
    Z, unit = scaler.transform(X), normalize(X[:, :60])
    apart = np.linalg.norm(Z[:, None] - Z[None], axis=-1)
    assert apart == pytest.approx(np.linalg.norm(unit[:, None] - unit[None], axis=-1), abs=1e-4)


def test_zero_components_keep_the_unit_vectors(X: np.ndarray) -> None:
    scaler = BlockScaler(BLOCKS, 0).fit(X)
    centred = normalize(X[:, 60:]) - normalize(X[:, 60:]).mean(axis=0)
    assert scaler.transform(X)[:, scaler.slices_["narrow"]] == pytest.approx(centred, abs=1e-6)
    assert len(scaler.get_feature_names_out()) == 66


def test_new_rows_do_not_change_what_was_fitted(X: np.ndarray) -> None:
    scaler = BlockScaler(BLOCKS, 8).fit(X[:30])
    assert (scaler.transform(X)[:30] == scaler.transform(X[:30])).all()


def test_a_constant_and_a_zero_block_survive() -> None:
    X = np.ones((10, 4), dtype=np.float32)
    X[:, 2:] = 0
    Z = BlockScaler({"constant": slice(0, 2), "zero": slice(2, 4)}).fit(X).transform(X)
    assert Z.shape == (10, 2)
    assert np.isfinite(Z).all()


def test_other_columns_are_refused(X: np.ndarray) -> None:
    with pytest.raises(ValueError, match="66 columns"):
        BlockScaler(BLOCKS).fit(X).transform(X[:, :60])
