"""Codebooks: against scikit-learn, by hand, and independent of batches and threads."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from ai_models.features.encoder import BagOfWordsEncoder, VladEncoder, fit_codebook, nearest_word


def descriptors(n: int = 12, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 120, (n, 40, 128), dtype=np.uint8)


def test_codebook_is_as_good_as_scikit_learn() -> None:
    rows = np.random.default_rng(1).gamma(2, size=(2000, 6)).astype(np.float32)
    ours = fit_codebook(rows, 8, np.random.default_rng(0))
    inertia = ((rows - ours[nearest_word(rows, ours)]) ** 2).sum()
    assert inertia < 1.05 * KMeans(8, n_init=3, random_state=0).fit(rows).inertia_


def test_nearest_word_by_brute_force() -> None:
    rng = np.random.default_rng(2)
    rows, words = rng.normal(size=(50, 5)).astype(np.float32), rng.normal(size=(7, 5)).astype(np.float32)
    expected = ((rows[:, None] - words[None]) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest_word(rows, words), expected)


def test_vlad_by_its_definition() -> None:
    raw = descriptors()
    raw[0, :5] = 0  # flat patches count for nothing
    encoder = VladEncoder(3, words=4, components=6).fit(raw)
    got = encoder.transform(raw[:1])[0]
    rows = raw[0, 5:].astype(np.float64)
    rows = (np.sqrt(rows / rows.sum(axis=1, keepdims=True)) - encoder.mean_) @ encoder.projection_
    word = ((rows[:, None] - encoder.codebook_[None]) ** 2).sum(axis=2).argmin(axis=1)
    vlad = np.stack([(rows[word == k] - encoder.codebook_[k]).sum(axis=0) for k in range(4)])
    vlad /= np.maximum(np.linalg.norm(vlad, axis=1, keepdims=True), 1e-12)
    vlad = np.sign(vlad) * np.sqrt(np.abs(vlad))
    np.testing.assert_allclose(got, vlad.ravel() / np.linalg.norm(vlad), atol=1e-5)
    assert np.linalg.norm(got) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("make", [VladEncoder, BagOfWordsEncoder])
def test_a_row_depends_on_its_image_alone_and_not_on_threads(make: type) -> None:
    raw = descriptors()
    if make is BagOfWordsEncoder:
        raw = raw[:, :, :33]
        raw[:, :, 32] = raw[:, :, 0] > 30
    with threadpool_limits(1):
        one = make(0).fit(raw)
    two = make(0).fit(raw)
    whole = one.transform(raw)
    np.testing.assert_array_equal(whole, two.transform(raw))
    np.testing.assert_array_equal(whole[3:4], one.transform(raw[3:4]))
    np.testing.assert_array_equal(whole[::-1], one.transform(raw[::-1]))
    assert not np.array_equal(whole, make(1).fit(raw).transform(raw))
    assert whole.shape == (12, len(one.get_feature_names()))


def test_bag_of_words_counts_keypoints_only() -> None:
    raw = np.zeros((2, 10, 33), dtype=np.uint8)
    raw[0, :4, 32] = 1
    raw[0, 2:4, :32] = 255
    encoded = BagOfWordsEncoder(0, words=2).fit(raw).transform(raw)
    np.testing.assert_allclose(np.sort(encoded[0]), np.sqrt([0.5, 0.5]))
    assert not encoded[1].any()


@pytest.mark.parametrize("make", [VladEncoder, BagOfWordsEncoder])
def test_pictures_without_any_descriptor_are_survived(make: type) -> None:
    raw = np.zeros((3, 5, 33 if make is BagOfWordsEncoder else 128), dtype=np.uint8)
    encoded = make(0).fit(raw).transform(raw)
    assert not encoded.any()
