"""A second look at each picture is kept only where it pays, and then everything that is said comes from both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ai_models.core.errors import DataError
from ai_models.core.settings import FeatureConfig, PreprocessConfig, TrainingConfig
from ai_models.crossfit.fitting import decide, fit_classifier, nested_predictions
from ai_models.crossfit.rows import FittingRows
from ai_models.ensemble.combination import row_losses, softmax
from ai_models.features import HybridFeatureExtractor, RawFeatures
from ai_models.features.hybrid import CLOSER
from ai_models.metrics.paired import paired_difference
from ai_models.preprocessing import middle

CONFIG = TrainingConfig(quick_mode=True, workers=1)
N, CLASSES, WIDTH = 90, 3, 12
ONLY_COLOUR = FeatureConfig(
    use_cnn_features=False, use_hog_features=False, use_lbp_features=False, use_sift_features=False,
    cache_features=False, test_time_augmentation=True,
)  # fmt: skip


def extractor() -> HybridFeatureExtractor:
    return HybridFeatureExtractor(ONLY_COLOUR, workers=1)


def rows() -> FittingRows:
    return FittingRows(
        y=(np.arange(N) % CLASSES).astype(np.int64),
        groups=np.array([f"g{i:03d}" for i in range(N)]),
        folds=(np.arange(N) // CLASSES % 3).astype(np.int64),
        parents=np.full(N, -1, dtype=np.int64),
        classes=("a", "b", "c"),
    )


def looks(apart: float, closer: float) -> RawFeatures:
    """Classes that lie so far apart at the first and at the second look, each with noise of its own."""
    centres = np.eye(CLASSES, WIDTH)[rows().y]
    one, two = (
        (np.random.default_rng(seed).normal(size=(N, WIDTH)) + distance * centres).astype(np.float32)
        for seed, distance in ((0, apart), (1, closer))
    )
    return RawFeatures({"colour": one}, closer=RawFeatures({"colour": two}))


def test_a_look_that_tells_more_is_kept_and_the_logits_are_averaged() -> None:
    raw = looks(2.0, 2.0)
    decision = decide(extractor(), raw, rows(), CONFIG)
    assert decision.choice.closer_gain is not None
    assert decision.choice.closer_gain.mean > decision.choice.closer_gain.se > 0
    assert decision.choice.looks_closer
    model = fit_classifier(extractor(), raw, rows(), decision, CONFIG)
    said = model.judge_raw(raw)
    logits = [
        model.ensemble.predict_logits(model.scaler.transform(look.blocks["colour"]))
        for look in (raw, raw.closer)
        if look is not None
    ]
    np.testing.assert_allclose(said.probabilities, softmax(np.mean(logits, axis=0)), atol=1e-12)
    with pytest.raises(DataError, match="looks at each image twice"):
        model.judge_features(raw.blocks["colour"])


def test_a_look_that_tells_nothing_is_dropped_and_not_taken() -> None:
    raw = looks(2.0, 0.0)
    decision = decide(extractor(), raw, rows(), CONFIG)
    assert decision.choice.closer_gain is not None
    assert not decision.choice.looks_closer
    model = fit_classifier(extractor(), raw, rows(), decision, CONFIG)
    assert not model.extractor.config.test_time_augmentation
    assert not model.metadata["features"]["test_time_augmentation"]
    alone = replace(raw, closer=None)
    plain = decide(extractor(), alone, rows(), CONFIG)
    assert plain.choice.closer_gain is None
    np.testing.assert_array_equal(plain.choice.oof_logits, decision.choice.oof_logits)
    np.testing.assert_array_equal(model.judge_raw(raw).probabilities, model.judge_raw(alone).probabilities)


def test_the_gain_is_that_of_out_of_fold_losses() -> None:
    raw = looks(2.0, 2.0)
    kept = decide(extractor(), raw, rows(), CONFIG).choice
    once = decide(extractor(), replace(raw, closer=None), rows(), CONFIG).choice
    assert kept.closer_gain is not None
    gain = paired_difference(
        row_losses(once.oof_logits, rows().y), row_losses(kept.oof_logits, rows().y), rows().groups
    )
    assert kept.closer_gain.mean == pytest.approx(gain.mean)
    assert kept.closer_gain.se == pytest.approx(gain.se)


def test_whole_pipelines_look_twice_too() -> None:
    both, once = looks(2.0, 2.0), replace(looks(2.0, 2.0), closer=None)
    found = [nested_predictions(extractor(), raw, rows(), CONFIG).probabilities for raw in (both, once)]
    nll = [-np.log(p[np.arange(N), rows().y]).mean() for p in found]
    assert nll[0] < nll[1]


def test_the_second_look_is_the_middle_of_the_picture() -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (120, 90, 3), dtype=np.uint8) for _ in range(3)]
    raw = extractor().extract_raw(pictures, label="")
    assert raw.closer is not None
    cut = [picture[12:108, 9:81] for picture in pictures]
    assert (round(0.8 * 120), round(0.8 * 90)) == cut[0].shape[:2]
    expected = extractor().extract_raw(cut, label="").blocks["colour"]
    np.testing.assert_array_equal(raw.closer.blocks["colour"], expected)
    assert (raw.blocks["colour"] != expected).any()
    np.testing.assert_array_equal(raw.take([2, 0]).closer.blocks["colour"], expected[[2, 0]])
    once = HybridFeatureExtractor(ONLY_COLOUR.replace(test_time_augmentation=False), workers=1)
    assert once.extract_raw(pictures, label="").closer is None
    assert once.digest() != extractor().digest()


def test_the_middle() -> None:
    image = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    assert middle(image, 1.0) is image
    np.testing.assert_array_equal(middle(image, 0.6), image[1:4, 1:3])
    assert middle(image[:1, :1], 0.1).shape == (1, 1, 3)
    assert PreprocessConfig(middle=CLOSER).digest() != PreprocessConfig().digest()
