"""Each corruption does what its unit says, at every strength, and depends on content alone."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from ai_models.core.errors import ConfigError
from ai_models.corruptions import CORRUPTIONS, SEVERITIES, corrupted

SHA = "a" * 64


def _picture(seed: int = 0, height: int = 96, width: int = 128) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(height, width, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 4)
    return np.clip(128 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def _at(name: str, severity: int, image: np.ndarray, *, seed: int = 0, sha256: str = SHA) -> np.ndarray:
    return corrupted(image, name, severity, seed=seed, sha256=sha256)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_strength_keeps_the_shape_and_goes_farther_from_the_photograph(name):
    image, kept = _picture(), _picture()
    apart = []
    for severity in SEVERITIES:
        seen = [_at(name, severity, image, sha256=f"{i:064}") for i in range(8)]
        assert all(s.shape == image.shape and s.dtype == np.uint8 for s in seen)
        apart.append(np.mean([np.abs(s.astype(float) - image).mean() for s in seen]))
    assert (np.diff(apart) > 0).all(), apart
    assert np.array_equal(image, kept)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_equal_content_and_seed_give_equal_pixels(name):
    assert np.array_equal(_at(name, 3, _picture()), _at(name, 3, _picture()))


@pytest.mark.parametrize("name", ["noise", "brightness", "occlusion", "rotation"])
def test_what_is_drawn_depends_on_seed_and_content(name):
    image = _picture()
    seeds = {_at(name, 3, image, seed=s).tobytes() for s in range(8)}
    contents = {_at(name, 3, image, sha256=f"{i:064}").tobytes() for i in range(8)}
    assert len(seeds) > 1
    assert len(contents) > 1


def test_jpeg_has_the_quality_that_it_states():
    image = _picture()
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=25)
    assert np.array_equal(_at("jpeg", 3, image), np.asarray(Image.open(stream).convert("RGB")))


def test_blur_spreads_a_point_by_the_stated_share_of_the_short_side():
    image = np.zeros((200, 300, 3), dtype=np.uint8)
    image[95:106, 145:156] = 255  # eleven pixels wide: a variance of 10 of its own
    for severity, percent in zip(SEVERITIES, CORRUPTIONS["blur"].strengths, strict=True):
        profile = _at("blur", severity, image)[..., 0].astype(float).sum(axis=0)
        x = np.arange(300)
        mean = (x * profile).sum() / profile.sum()
        spread = (profile * (x - mean) ** 2).sum() / profile.sum() - 10
        assert np.sqrt(spread) == pytest.approx(percent / 100 * 200, rel=0.12)


def test_noise_has_the_stated_deviation():
    image = np.full((200, 200, 3), 128, dtype=np.uint8)
    for severity, sigma in zip(SEVERITIES[:3], CORRUPTIONS["noise"].strengths, strict=False):
        assert (_at("noise", severity, image).astype(float) - 128).std() == pytest.approx(sigma, rel=0.03)


def test_brightness_multiplies_the_light_by_a_power_of_two():
    image = np.full((8, 8, 3), 100, dtype=np.uint8)
    light = ((100 / 255 + 0.055) / 1.055) ** 2.4
    expected = {round(255 * (1.055 * (light * f) ** (1 / 2.4) - 0.055)) for f in (2.0, 0.5)}
    seen = {int(_at("brightness", 2, image, sha256=f"{i:064}")[0, 0, 0]) for i in range(16)}
    assert seen == expected  # over and under, both are drawn


def test_occlusion_covers_the_stated_share():
    image = _picture(height=200, width=200)
    for severity, percent in zip(SEVERITIES, CORRUPTIONS["occlusion"].strengths, strict=True):
        changed = (_at("occlusion", severity, image) != image).any(axis=2).mean()
        assert changed == pytest.approx(percent / 100, abs=0.012)


def test_rotation_turns_by_the_stated_angle_to_either_side():
    image = np.zeros((101, 101, 3), dtype=np.uint8)
    image[50, 60:95] = 255  # a spoke to the right
    for severity, degrees in zip(SEVERITIES, CORRUPTIONS["rotation"].strengths, strict=True):
        sides = set()
        for i in range(12):
            y, x = np.nonzero(_at("rotation", severity, image, sha256=f"{i:064}")[..., 0] > 60)
            angle = np.degrees(np.arctan2(50 - y.mean(), x.mean() - 50))
            assert abs(angle) == pytest.approx(degrees, abs=1.0)
            sides.add(angle > 0)
        assert sides == {True, False}


@pytest.mark.parametrize(("name", "severity"), [("fog", 1), ("blur", 0), ("blur", 6)])
def test_what_is_not_there_is_refused_in_a_sentence(name, severity):
    with pytest.raises(ConfigError, match="corruption must be one of"):
        _at(name, severity, _picture())
