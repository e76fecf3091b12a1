"""Out-of-fold scores: equal to fitting by hand, and blind to what is scored."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ai_models.core.settings import FeatureConfig
from ai_models.crossfit.blocks import outlier_columns
from ai_models.crossfit.candidates import candidate_specs, plain_spec
from ai_models.crossfit.rows import FittingRows
from ai_models.crossfit.scoring import cross_fit
from ai_models.ensemble.members import MemberSpec
from ai_models.ensemble.scaler import BlockScaler
from ai_models.features import HybridFeatureExtractor, RawFeatures

SPEC = MemberSpec("logistic", ("colour",), 0, (("C", 10.0),))
EXTRACTOR = HybridFeatureExtractor(
    FeatureConfig(use_cnn_features=False, use_hog_features=False, use_lbp_features=False, use_sift_features=False)
)


def _problem(copies_of_scored: float = 1.0) -> tuple[RawFeatures, FittingRows]:
    """Thirty photographs in three folds, two classes; a copy of each, whose features may be poisoned."""
    rng = np.random.default_rng(0)
    y = np.arange(30) % 2
    X = np.abs(rng.normal(size=(30, EXTRACTOR.block_slices["colour"].stop)) + y[:, None]).astype(np.float32)
    rows = FittingRows(
        y=np.r_[y, y],
        groups=np.array([f"g{i}" for i in range(30)] * 2),
        folds=np.tile(np.repeat(np.arange(3), 10), 2),
        parents=np.r_[np.full(30, -1), np.arange(30)],
        classes=("a", "b"),
    )
    return RawFeatures({"colour": np.concatenate([X, X * copies_of_scored])}, {}), rows


def _scores(raw: RawFeatures, rows: FittingRows, *, use_copies: bool, workers: int = 1) -> np.ndarray:
    found = cross_fit(EXTRACTOR, raw, rows, [SPEC], max_components=0, seed=0, workers=workers, use_copies=use_copies)
    return found.logits[SPEC]


def test_without_copies_it_is_plain_grouped_cross_validation() -> None:
    raw, rows = _problem()
    found = _scores(raw, rows, use_copies=False)
    for fold in range(3):
        fitted, scored = np.flatnonzero(rows.folds[:30] != fold), np.flatnonzero(rows.folds[:30] == fold)
        X = raw.blocks["colour"]
        scaler = BlockScaler({"colour": slice(0, X.shape[1])}, 0).fit(X[fitted])
        model = LogisticRegression(C=10.0, max_iter=1000).fit(scaler.transform(X[fitted]), rows.y[fitted])
        by_hand = model.predict_log_proba(scaler.transform(X[scored]))
        assert np.diff(found[scored]) == pytest.approx(np.diff(by_hand), abs=1e-6)


def test_copies_of_what_is_scored_are_never_fitted_on() -> None:
    raw, rows = _problem()
    clean = _scores(raw, rows, use_copies=True)
    poisoned = raw.blocks["colour"].copy()
    poisoned[30:40] = np.random.default_rng(1).uniform(size=poisoned[30:40].shape)  # the copies of fold 0
    found = _scores(RawFeatures({"colour": poisoned}, {}), rows, use_copies=True)
    assert (found[:10] == clean[:10]).all()
    assert (found[10:] != clean[10:]).any()


def test_copies_count_where_they_are_asked_for() -> None:
    raw, rows = _problem(copies_of_scored=3.0)
    assert (_scores(raw, rows, use_copies=True) != _scores(raw, rows, use_copies=False)).any()


@pytest.mark.slow
def test_two_processes_give_the_bytes_of_one() -> None:
    raw, rows = _problem()
    assert (_scores(raw, rows, use_copies=True, workers=2) == _scores(raw, rows, use_copies=True)).all()


def test_candidates_cover_the_promised_kinds_and_quick_is_half() -> None:
    blocks = ("cnn", "stages", "hog", "lbp", "sift", "colour")
    full, quick = candidate_specs(blocks), candidate_specs(blocks, quick=True)
    assert (
        {s.kind for s in full}
        == {"logistic", "svm", "forest", "boosting", "lda", "prototype"}
        == {s.kind for s in quick}
    )
    assert {s.family for s in full} == {s.family for s in quick}
    assert len({s.name for s in full}) == len(full) > len(quick)
    assert plain_spec(full) == plain_spec(quick) == MemberSpec("logistic", ("cnn",), 0, (("C", 100.0),))
    assert {("cnn", "stages"), ("stages", "sift"), blocks} <= {s.blocks for s in full}
    assert ("lbp", "colour") in {s.blocks for s in full}


@pytest.mark.parametrize("blocks", [("hog",), ("lbp", "colour"), ("cnn",)])
def test_any_selection_of_blocks_has_candidates(blocks: tuple[str, ...]) -> None:
    specs = candidate_specs(blocks)
    assert {b for s in specs for b in s.blocks} == set(blocks)
    assert plain_spec(specs) in specs


def test_two_networks_are_tried_alone_and_together() -> None:
    specs = candidate_specs(("cnn", "cnn_wide", "hog", "lbp", "colour"))
    views = {s.blocks for s in specs if s.kind == "logistic"}
    assert {("cnn",), ("cnn_wide",), ("cnn", "cnn_wide"), ("cnn", "cnn_wide", "hog", "lbp", "colour")} <= views
    assert plain_spec(specs).blocks == ("cnn", "cnn_wide")
    wide = candidate_specs(("cnn_wide", "hog"))
    assert plain_spec(wide).blocks == ("cnn_wide",)
    assert {s.blocks for s in wide if s.kind == "logistic"} == {("cnn_wide",), ("hog",), ("cnn_wide", "hog")}
    assert {s.blocks for s in candidate_specs(("cnn", "cnn_wide"))} == {("cnn",), ("cnn_wide",), ("cnn", "cnn_wide")}


def test_outliers_are_looked_for_in_what_is_the_same_in_each_fold() -> None:
    hog, sift, cnn, wide = (slice(5 * i, 5 * i + 5) for i in range(4))
    assert outlier_columns({"hog": hog, "cnn": cnn, "cnn_wide": wide}) == (cnn, wide)
    assert outlier_columns({"hog": hog, "sift": sift}, ["sift"]) == (hog,)
    assert outlier_columns({"sift": sift}, ["sift"]) == (sift,)
