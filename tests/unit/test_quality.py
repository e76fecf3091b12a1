"""Scores fall with what spoils a photograph, and only with that."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ai_models.core.images import read_image, walk_images
from ai_models.quality import NORMAL, STRICT, QualityScores, assess, failures


def scene(height: int = 240, width: int = 320) -> np.ndarray:
    """Blocks of noise at several scales: edges and shades, as photographs have them."""
    rng = np.random.default_rng(3)
    total = np.zeros((height, width, 3))
    for cell in (4, 16, 64):
        blocks = rng.uniform(0, 255, (height // cell + 1, width // cell + 1, 3))
        total += np.kron(blocks, np.ones((cell, cell, 1)))[:height, :width] / 3
    return total.astype(np.uint8)


def test_a_good_picture_passes_both_levels() -> None:
    scores = assess(scene(), width=800, height=600)
    assert failures(scores) == failures(scores, strict=True) == ()
    assert scores.overall > 80


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda x: cv2.GaussianBlur(x, (0, 0), 8), "blurred"),
        (lambda x: (x * 0.1).astype(np.uint8), "too dark"),
        (lambda x: (x * 0.15 + 215).astype(np.uint8), "too bright"),
        (lambda x: (x * 0.15 + 100).astype(np.uint8), "low contrast"),
        (lambda x: cv2.resize(x, (32, 32), interpolation=cv2.INTER_AREA), "low resolution"),
    ],
    ids=["blur", "dark", "bright", "flat", "small"],
)
def test_each_fault_is_named_with_its_figures(spoil, word: str) -> None:
    scores = assess(spoil(scene()))
    reasons = failures(scores)
    named = [r for r in reasons if r.startswith(word)]
    assert len(named) == 1
    assert named[0].endswith(")")
    assert " < " in named[0]
    assert {r.split(" (")[0] for r in reasons} <= {r.split(" (")[0] for r in failures(scores, strict=True)}
    assert scores.overall < assess(scene()).overall


def test_the_reason_carries_score_and_level() -> None:
    scores = QualityScores(blur=0.12, brightness=1.0, contrast=1.0, resolution=1.0, overall=50.0)
    assert failures(scores) == ("blurred (0.12 < 0.30)",)
    assert all(NORMAL[name] < STRICT[name] for name in NORMAL)


def test_the_measures_equal_a_second_implementation() -> None:
    image = cv2.GaussianBlur(
        scene(200, 250), (0, 0), 1.5
    )  # neither sharp nor hopeless, below the side to which larger ones are reduced
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(float)
    laplacian = ndimage.convolve(grey, [[0, 1, 0], [1, -4, 1], [0, 1, 0]], mode="mirror")
    sharpness = laplacian.var() / (grey.var() + 1)
    scores = assess(image)
    assert 0.2 < scores.blur < 0.9
    assert scores.blur == pytest.approx(np.log(sharpness / 0.003) / np.log(100), abs=1e-5)
    p1, p5, p95, p99 = np.percentile(grey, [1, 5, 95, 99], method="inverted_cdf")
    assert scores.contrast == pytest.approx(np.clip((p99 - p1) / 180, 0, 1))
    assert scores.brightness == pytest.approx(np.clip(min((p95 - 30) / 90, (235 - p5) / 70), 0, 1))
    assert scores.resolution == pytest.approx(np.log(200 / 16) / np.log(32))
    product = scores.blur**0.4 * (scores.brightness * scores.contrast * scores.resolution) ** 0.2
    assert scores.overall == pytest.approx(100 * product)


def test_contrast_alone_does_not_look_like_blur() -> None:
    flat = (scene().astype(float) * 0.4 + 70).astype(np.uint8)
    assert assess(flat).blur == pytest.approx(assess(scene()).blur, abs=0.02)


def test_more_blur_never_scores_higher() -> None:
    scores = [assess(cv2.GaussianBlur(scene(), (0, 0), sigma)).blur for sigma in (0.5, 1, 2, 4)]
    assert scores == sorted(scores, reverse=True)


def test_a_reduced_image_is_judged_by_its_original_size() -> None:
    small = cv2.resize(scene(), (160, 120), interpolation=cv2.INTER_AREA)
    assert assess(small, width=1600, height=1200).resolution == 1.0
    assert assess(small).resolution < 0.65


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.sampled_from([1, 2, 7, 300, 2000]),
    level=st.integers(0, 255),
    noise=st.booleans(),
)
def test_scores_stay_in_range_for_any_image(height: int, width: int, level: int, noise: bool) -> None:
    image = np.full((height, width, 3), level, dtype=np.uint8)
    if noise:
        image ^= np.random.default_rng(level).integers(0, 255, image.shape, dtype=np.uint8)
    scores = assess(image)
    assert all(0 <= s <= 1 for s in (scores.blur, scores.brightness, scores.contrast, scores.resolution))
    assert 0 <= scores.overall <= 100
    assert assess(image) == scores


@pytest.mark.parametrize("folder", ["amulets", "antsbees", "clothing"])
def test_real_photographs_pass_and_spoilt_ones_do_not(shared_data: Path, folder: str) -> None:
    files = list(walk_images(shared_data / folder))[::12]
    images = [read_image(shared_data / folder / f) for f in files]
    assert sum(bool(failures(assess(x))) for x in images) <= 0.02 * len(images)
    blurred = [cv2.GaussianBlur(x, (0, 0), 0.015 * max(x.shape[:2])) for x in images]
    assert np.mean([bool(failures(assess(x))) for x in blurred]) > 0.95
    assert all(failures(assess((x * 0.1).astype(np.uint8))) for x in images)
    assert all(failures(assess((x * 0.15 + 180).astype(np.uint8))) for x in images)
