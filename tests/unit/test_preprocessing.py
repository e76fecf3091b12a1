"""Each step against another library or the formula."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import filters, restoration

from ai_models.core.settings import PreprocessConfig
from ai_models.preprocessing import clahe, denoise, preprocess, unsharp_mask, white_balance


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    y, x = np.mgrid[:90, :120]
    shades = np.stack([120 + 70 * np.sin(x / 9), 110 + 60 * np.cos(y / 7), 60 + 0.5 * x], axis=2)
    return np.clip(shades + np.random.default_rng(0).normal(0, 6, shades.shape), 0, 255).astype(np.uint8)


def test_none_returns_the_same_array(image: np.ndarray) -> None:
    assert preprocess(image, PreprocessConfig()) is image


def test_presets_are_their_steps_in_order(image: np.ndarray) -> None:
    before = image.copy()
    basic = preprocess(image, PreprocessConfig(preset="basic", clahe_clip=3.0))
    np.testing.assert_array_equal(basic, clahe(white_balance(image), 3.0))
    config = PreprocessConfig(preset="artifact", clahe_clip=1.5, denoise_strength=5.0, unsharp_radius=2.0)
    artifact = preprocess(image, config)
    np.testing.assert_array_equal(artifact, unsharp_mask(clahe(denoise(white_balance(image), 5.0), 1.5), 2.0))
    np.testing.assert_array_equal(image, before)
    for result in (basic, artifact):
        assert result.dtype == np.uint8
        assert result.shape == image.shape
    np.testing.assert_array_equal(artifact, preprocess(image, config))


@pytest.mark.parametrize("change", [{"clahe_clip": 8.0}, {"denoise_strength": 30.0}, {"unsharp_radius": 4.0}])
def test_every_setting_changes_pixels(image: np.ndarray, change: dict[str, float]) -> None:
    config = PreprocessConfig(preset="artifact")
    assert (preprocess(image, config) != preprocess(image, config.replace(**change))).any()


def test_white_balance_makes_the_means_agree(image: np.ndarray) -> None:
    means = white_balance(image).mean(axis=(0, 1))
    assert np.ptp(means) < 1.0
    assert np.ptp(image.mean(axis=(0, 1))) > 20
    assert means.mean() == pytest.approx(image.mean(), abs=1.0)


def test_white_balance_does_not_blow_up_an_absent_channel() -> None:
    red = np.zeros((10, 10, 3), dtype=np.uint8)
    red[..., 0], red[..., 2] = 200, 1
    assert white_balance(red)[..., 2].max() == 4
    assert not white_balance(np.zeros((5, 5, 3), dtype=np.uint8)).any()


def test_clahe_changes_lightness_alone_and_raises_local_contrast(image: np.ndarray) -> None:
    lab, result = (cv2.cvtColor(x, cv2.COLOR_RGB2LAB).astype(int) for x in (image, clahe(image, 2.0)))
    expected = cv2.createCLAHE(2.0, (8, 8)).apply(np.ascontiguousarray(lab[..., 0].astype(np.uint8)))
    assert np.abs(result[..., 0] - expected).mean() < 1.5  # out-of-gamut colours are clipped on the way back
    assert np.abs(result[..., 1:] - lab[..., 1:]).mean() < 3
    assert result[..., 0].std() > lab[..., 0].std()


def test_denoising_removes_noise_as_the_reference_does() -> None:
    rng = np.random.default_rng(1)
    clean = np.kron(rng.integers(60, 190, (2, 2, 1)), np.ones((50, 50, 3))).astype(np.uint8)
    noisy = np.clip(clean + rng.normal(0, 8, clean.shape), 0, 255).astype(np.uint8)

    def error(x: np.ndarray) -> float:
        return float(np.sqrt(((x.astype(float) - clean) ** 2).mean()))

    reference = restoration.denoise_nl_means(noisy / 255.0, 7, 7, 10 / 255, channel_axis=-1) * 255
    assert error(denoise(noisy)) < 0.4 * error(noisy)
    assert error(denoise(noisy)) < 2.5 * error(reference)


def test_denoising_keeps_the_order_of_channels() -> None:
    plain = np.full((40, 40, 3), (200, 90, 30), dtype=np.uint8)
    assert np.abs(denoise(plain).astype(int) - plain).max() <= 2


@pytest.mark.parametrize("radius", [1.0, 2.5])
def test_unsharp_mask_equals_scikit_image(image: np.ndarray, radius: float) -> None:
    channels = (filters.unsharp_mask(image[..., c] / 255.0, radius=radius, amount=1.0) for c in range(3))
    expected = np.stack(list(channels), axis=2) * 255
    assert np.abs(unsharp_mask(image, radius) - expected).max() < 1.0


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (8, 8), (300, 5)])
def test_any_size_is_taken(shape: tuple[int, int]) -> None:
    tiny = np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8)
    assert preprocess(tiny, PreprocessConfig(preset="artifact")).shape == tiny.shape
