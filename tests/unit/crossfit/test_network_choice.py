"""Networks are kept only where they pay, and what is not kept is neither carried nor run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ai_models.core.settings import FeatureConfig, TrainingConfig
from ai_models.crossfit.blocks import narrowed
from ai_models.crossfit.fitting import decide, fit_classifier, nested_predictions
from ai_models.crossfit.network_choice import cheapest_that_pays
from ai_models.crossfit.rows import FittingRows
from ai_models.features import CnnExtractor, HybridFeatureExtractor, RawFeatures

CONFIG = TrainingConfig(quick_mode=True, workers=1)
N, CLASSES, WIDTH = 60, 3, 12


def extractor(preset: str = "auto") -> HybridFeatureExtractor:
    chosen = FeatureConfig(
        preset=preset, use_stages_features=False, use_hog_features=False, use_lbp_features=False,
        use_sift_features=False, use_colour_features=False, cache_features=False, device="cpu",
    )  # fmt: skip
    return HybridFeatureExtractor(chosen, workers=1)


def rows() -> FittingRows:
    y = np.arange(N) % CLASSES
    return FittingRows(
        y=y.astype(np.int64),
        groups=np.array([f"g{i:03d}" for i in range(N)]),
        folds=(np.arange(N) // CLASSES % 3).astype(np.int64),
        parents=np.full(N, -1, dtype=np.int64),
        classes=("a", "b", "c"),
    )


def features(small: float, wide: float, *, tells: tuple[int, int] | None = None) -> RawFeatures:
    """Embeddings in which the classes lie so far apart; `tells` names the one class that each of them knows."""
    rng, y = np.random.default_rng(0), rows().y
    blocks = {}
    for place, (name, apart) in enumerate((("cnn", small), ("cnn_wide", wide))):
        centres = np.eye(CLASSES, WIDTH) * apart
        if tells is not None:
            centres[[c for c in range(CLASSES) if c != tells[place]]] = 0
        blocks[name] = (rng.normal(size=(N, WIDTH)) + centres[y]).astype(np.float32)
    return RawFeatures(blocks)


def alike() -> RawFeatures:
    """Both networks see the same."""
    same = features(2.5, 2.5).blocks["cnn"]
    return RawFeatures({"cnn": same, "cnn_wide": same * np.float32(1.5)})


def test_a_dearer_preset_needs_more_than_one_standard_error():
    groups = np.array([f"g{i}" for i in range(100)])
    noise = np.random.default_rng(1).normal(size=100)
    noise -= noise.mean()
    se = float(np.sqrt(100 / 99 * (noise**2).sum()) / 100)
    base = np.full(100, 1.0)
    for factor, kept in ((0.98, "fast"), (1.02, "balanced"), (-3.0, "fast")):
        found = cheapest_that_pays({"fast": base, "balanced": base - noise - factor * se}, groups)
        assert found.preset == kept
        assert found.steps[0].gain.mean == pytest.approx(factor * se)
    equal = cheapest_that_pays({"fast": base, "balanced": base, "accurate": base}, groups)
    assert (equal.preset, [s.kept for s in equal.steps]) == ("fast", [False, False])


def test_the_next_one_is_compared_with_the_one_that_was_kept():
    groups = np.array([f"g{i}" for i in range(10)])
    ladder = {"fast": np.full(10, 1.0), "balanced": np.full(10, 0.5), "accurate": np.full(10, 0.8)}
    found = cheapest_that_pays(ladder, groups)
    assert found.preset == "balanced"
    assert [(s.preset, s.against, s.kept) for s in found.steps] == [
        ("balanced", "fast", True), ("accurate", "balanced", False),
    ]  # fmt: skip
    ladder["balanced"] = np.full(10, 1.5)
    assert [(s.against, s.kept) for s in cheapest_that_pays(ladder, groups).steps] == [("fast", False), ("fast", True)]


def test_rows_of_one_object_count_once():
    better = np.r_[np.zeros(20), np.full(10, 2.0)]  # than a loss of 1, in 20 of 30 rows
    groups = np.array(["one"] * 20 + [f"g{i}" for i in range(10)])
    assert cheapest_that_pays({"fast": np.ones(30), "balanced": better}, groups).preset == "fast"
    apart = np.array([f"g{i}" for i in range(30)])
    assert cheapest_that_pays({"fast": np.ones(30), "balanced": better}, apart).preset == "balanced"


def test_a_gain_that_nobody_would_notice_is_a_tie():
    groups = np.array([f"g{i}" for i in range(10)])
    for gain, kept in ((0.009, "fast"), (0.011, "balanced")):
        assert cheapest_that_pays({"fast": np.ones(10), "balanced": np.ones(10) - gain}, groups).preset == kept


@pytest.mark.parametrize(
    ("raw", "preset"),
    [
        (alike(), "fast"),
        (features(0.0, 2.5), "balanced"),
        (features(2.5, 0.0), "fast"),
        (features(4.0, 4.0, tells=(0, 1)), "accurate"),
    ],
    ids=["alike", "wide only", "small only", "each knows another class"],
)
def test_what_is_kept_and_what_the_model_carries(raw, preset):
    decision = decide(extractor(), raw, rows(), CONFIG)
    assert decision.networks is not None
    assert decision.networks.preset == preset
    names = {m.blocks for m in decision.choice.combination.members}
    assert {b for view in names for b in view} <= set(decision.networks.networks)
    model = fit_classifier(extractor(), raw, rows(), decision, CONFIG)
    assert tuple(model.extractor.block_slices) == decision.networks.networks
    assert [b.name for b in model.extractor._blocks()] == list(decision.networks.networks)
    assert model.metadata["features"]["preset"] == preset
    assert FeatureConfig.from_dict(model.metadata["features"]).networks == decision.networks.networks
    said = model.judge_features(model.extractor.encode(raw))  # features of all networks are understood
    assert said.probabilities.shape == (N, CLASSES)


def test_the_decision_is_that_of_the_preset_that_was_kept():
    raw = features(0.0, 2.5)
    by_gate = decide(extractor(), raw, rows(), CONFIG)
    named, own = narrowed(extractor(), raw, ("cnn_wide",))
    by_hand = decide(named, own, rows(), CONFIG)
    assert by_hand.networks is None
    np.testing.assert_array_equal(by_gate.choice.oof_logits, by_hand.choice.oof_logits)
    np.testing.assert_array_equal(by_gate.outlier_scores, by_hand.outlier_scores)


def test_narrowing_keeps_all_that_is_no_network():
    raw = features(1.0, 1.0)
    raw.blocks["hog"] = np.ones((N, 4), dtype=np.float32)
    raw.errors[3] = "cut off"
    raw.quality = np.full((N, 5), 0.5, dtype=np.float32)
    both = extractor()
    both.config = both.config.replace(use_hog_features=True)
    used, kept = narrowed(both, raw, ("cnn_wide", "hog"))
    assert list(kept.blocks) == ["cnn_wide", "hog"]
    assert kept.errors == {3: "cut off"}
    assert kept.quality is raw.quality
    assert used.config is not None
    assert used.config.networks == ("cnn_wide",)
    assert list(raw.blocks) == ["cnn", "cnn_wide", "hog"]


def test_every_outer_fold_chooses_without_the_rows_that_it_scores(monkeypatch):
    from ai_models.crossfit import fitting

    seen = []
    real = fitting.choose_networks

    def watched(used, raw, own, *args, **kwargs):
        seen.append(set(own.groups.tolist()))
        return real(used, raw, own, *args, **kwargs)

    monkeypatch.setattr(fitting, "choose_networks", watched)
    outer = rows()
    nested_predictions(extractor(), alike(), outer, CONFIG)
    scored = [set(outer.groups[outer.folds == fold].tolist()) for fold in range(3)]
    assert [s & w for s, w in zip(scored, seen, strict=True)] == [set()] * 3


def test_a_network_that_is_not_kept_is_never_run(monkeypatch, tmp_path: Path):
    ran = []

    def run(self, images):
        ran.append((self.name, images[0].shape[0]))
        return np.stack([np.resize(i.astype(np.float32).mean((0, 1)), WIDTH) for i in images])

    monkeypatch.setattr(CnnExtractor, "extract_many", run)
    monkeypatch.setattr(CnnExtractor, "weights_digest", lambda self: "0")
    raw = features(0.0, 2.5)
    model = fit_classifier(extractor(), raw, rows(), decide(extractor(), raw, rows(), CONFIG), CONFIG)
    model.predict([np.zeros((400, 400, 3), dtype=np.uint8)])
    assert ran == [("cnn_wide", 320)]
