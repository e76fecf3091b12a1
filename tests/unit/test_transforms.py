"""Transforms keep shape and type, depend on their generator alone, and grow with strength."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import transform as reference

from ai_models import transforms
from ai_models.core.errors import ConfigError
from ai_models.core.settings import AUGMENTATION_PRESETS
from ai_models.transforms import BACKGROUND, HORIZONTAL_FLIP, PRESETS, SYMMETRIES, Transform, augment, preset_for


def scene(height: int = 96, width: int = 128) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    shades = [127 + 90 * np.sin(x / 6) * np.cos(y / 8), 80 + x % 90, 200 - y % 110]
    return np.clip(np.stack(shades, axis=2), 0, 255).astype(np.uint8)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class Fixed(np.random.Generator):
    """A generator whose uniform draws are at the upper end."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))

    def uniform(self, low=0.0, high=1.0, size=None):
        return high if size is None else np.full(size, high)


EVERY = {t.name: t for t in (*SYMMETRIES[:2], *(t for preset in PRESETS.values() for t in preset))}


def test_the_presets_are_those_of_the_settings() -> None:
    assert {"auto", *PRESETS} == set(AUGMENTATION_PRESETS)
    assert [preset_for(n) for n in (1, 499, 500, 2000, 2001)] == ["light", "light", "medium", "medium", "heavy"]
    assert {t.name for t in PRESETS["robust"]} >= {"jpeg", "blur", "occlude", "motion_blur", "noise", "perspective"}


@pytest.mark.parametrize("times", [1.0, 1.5])  # 1.5: what the smallest class gets
def test_the_robust_preset_spans_the_ranges_it_promises(times: float, monkeypatch: pytest.MonkeyPatch) -> None:
    robust = {t.name: t for t in PRESETS["robust"]}
    image = np.full((256, 256, 3), 100, np.uint8)
    image[::2] = 200
    qualities, kernels, covered = set(), set(), []
    save, blur = Image.Image.save, cv2.GaussianBlur
    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", lambda *a, **k: (qualities.add(k["quality"]), save(*a, **k))[1])
        patch.setattr(cv2, "GaussianBlur", lambda i, size, *a, **k: (kernels.add(size), blur(i, size, *a, **k))[1])
        for seed in range(400):
            robust["jpeg"](image, rng(seed), times)
            robust["blur"](image, rng(seed), times)
            covered.append(float((robust["occlude"](image, rng(seed), times) == 150).all(axis=2).mean()))
    assert (min(qualities), max(qualities)) == (50, 95)
    assert kernels == {(3, 3), (5, 5), (7, 7)}
    assert 0.095 < min(covered) < 0.11
    assert 0.29 < max(covered) < 0.305


def test_no_preset_mirrors_script() -> None:
    assert all(t.name != "flip" for preset in PRESETS.values() for t in preset)
    flipped, names = augment(scene(), preset=[Transform("flip", HORIZONTAL_FLIP.function, probability=1)], rng=rng())
    np.testing.assert_array_equal(flipped, scene()[:, ::-1])
    assert names == ("flip",)


def test_turns_are_exact() -> None:
    half, quarter = SYMMETRIES[1:]
    np.testing.assert_array_equal(half(scene(), rng()), np.rot90(scene(), 2))
    turned = {quarter(scene(), rng(seed)).tobytes() for seed in range(20)}
    assert turned == {np.ascontiguousarray(np.rot90(scene(), k)).tobytes() for k in (1, 3)}


def test_a_transform_that_is_switched_off_changes_no_other_draw() -> None:
    preset = PRESETS["heavy"]
    without = [t if t.name != "noise" else Transform("noise", t.function, t.strength, 0.0) for t in preset]
    both = [(augment(scene(), preset=p, rng=rng(seed)) for p in (preset, without)) for seed in range(60)]
    for (image, names), (other, remaining) in both:
        assert remaining == tuple(n for n in names if n != "noise")
        assert ("noise" in names) or np.array_equal(image, other)
    alone = [Transform(t.name, t.function, t.strength, 0.0) for t in preset[1:]]
    tiny = Transform("rotate", preset[0].function, 1.0, 1e-12)
    assert {augment(scene(), preset=[tiny, *alone], rng=rng(s))[1] for s in range(20)} == {("rotate",)}
    with pytest.raises(ConfigError, match="preset must be"):
        augment(scene(), preset=alone, rng=rng())


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(sorted(EVERY)),
    height=st.integers(8, 70),
    width=st.sampled_from([8, 9, 33, 400]),
    seed=st.integers(0, 99),
    strength=st.floats(0, 2),
)
def test_every_transform_takes_any_size(name: str, height: int, width: int, seed: int, strength: float) -> None:
    image = scene(height, width)
    before = image.copy()
    one = EVERY[name](image, rng(seed), strength)
    assert one.shape == image.shape
    assert one.dtype == np.uint8
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(one, EVERY[name](image, rng(seed), strength))


@pytest.mark.parametrize("name", sorted(set(EVERY) - {"flip", "half_turn", "occlude", "clahe"}))
def test_more_strength_is_more_change(name: str) -> None:
    def change(strength: float) -> float:
        made = (Transform(name, EVERY[name].function)(scene(), rng(s), strength) for s in range(12))
        return float(np.mean([np.abs(x.astype(int) - scene()).mean() for x in made]))

    assert change(0.1) < change(1.0)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_copy_is_changed_named_and_repeatable(preset: str) -> None:
    image = scene()
    seen = set()
    for seed in range(20):
        copy, names = augment(image, preset=preset, rng=rng(seed))
        again, _ = augment(image, preset=preset, rng=rng(seed))
        np.testing.assert_array_equal(copy, again)
        assert copy.flags.c_contiguous
        assert names
        assert (copy != image).any()
        seen.add(copy.tobytes())
    assert len(seen) == 20
    np.testing.assert_array_equal(image, scene())


def test_presets_grow_from_minimal_to_heavy() -> None:
    def change(preset: str) -> float:
        copies = (augment(scene(), preset=preset, rng=rng(s))[0] for s in range(40))
        return float(np.mean([np.abs(c.astype(int) - scene()).mean() for c in copies]))

    changes = [change(p) for p in ("minimal", "light", "medium", "heavy")]
    assert changes == sorted(changes)


def test_bad_requests_are_refused() -> None:
    for preset in ("loud", ()):
        with pytest.raises(ConfigError, match="preset must be one of minimal"):
            augment(scene(), preset=preset, rng=rng())
    with pytest.raises(ConfigError, match="at least 8 pixels a side, got 128 x 7"):
        augment(scene(7), preset="light", rng=rng())


# -- single transforms against another library or the formula ----------------------------------------------


def test_rotation_equals_scikit_image() -> None:
    smooth = cv2.GaussianBlur(scene(), (0, 0), 2)
    turned = transforms._rotate(smooth, Fixed(), 1.0)
    expected = reference.rotate(smooth, 15.0, mode="reflect", order=1, preserve_range=True)
    assert np.abs(turned - expected)[4:-4, 4:-4].mean() < 0.6


def test_the_files_qualities_are_fifty_to_ninety_five() -> None:
    stored = set()
    for quality in (50, 95):
        stream = io.BytesIO()
        Image.fromarray(scene()).save(stream, "JPEG", quality=quality)
        stored.add(np.asarray(Image.open(stream)).tobytes())
    made = {transforms._jpeg(scene(), rng(s), 1.0).tobytes() for s in range(400)}
    assert stored <= made
    assert len(made) <= 46


def test_blur_kernels_are_three_to_seven_and_grow_with_the_image() -> None:
    spike = np.zeros((65, 65, 3), dtype=np.uint8)
    spike[32, 32] = 255
    for function, sides in ((transforms._blur, {3, 5, 7}), (transforms._motion_blur, {3, 5, 7, 9})):
        widest = set()
        for seed in range(60):
            rows, columns = np.nonzero(function(spike, rng(seed), 1.0)[..., 0])
            widest.add(1 + max(np.ptp(rows), np.ptp(columns)))
        assert widest == sides
    assert transforms._scaled(np.zeros((1024, 2000, 3), np.uint8), 7) == 29
    assert transforms._scaled(np.zeros((100, 100, 3), np.uint8), 7) == 7


def test_motion_blur_keeps_the_light() -> None:
    for seed in range(10):
        assert transforms._motion_blur(scene(), rng(seed), 1.0).mean() == pytest.approx(scene().mean(), abs=1.5)


def test_occlusion_covers_a_tenth_to_three_tenths() -> None:
    image = np.random.default_rng(0).integers(0, 255, (120, 90, 3), dtype=np.uint8)
    shares = [(transforms._occlude(image, rng(s), 1.0) != image).any(axis=2).mean() for s in range(200)]
    assert 0.08 < min(shares) < 0.13
    assert 0.26 < max(shares) < 0.32


def test_noise_has_the_spread_that_was_drawn() -> None:
    grey = np.full((200, 200, 3), 128, dtype=np.uint8)
    assert transforms._noise(grey, Fixed(), 1.0).std() == pytest.approx(12, rel=0.05)


def test_light_follows_its_formulas() -> None:
    image = scene()
    np.testing.assert_array_equal(transforms._brightness(image, Fixed(), 0.5), np.clip(image.astype(int) + 20, 0, 255))
    gamma = np.rint(255 * (image / 255) ** np.exp(0.35))
    np.testing.assert_array_equal(transforms._gamma(image, Fixed(), 1.0), gamma)
    centre = image.mean()
    stretched = np.clip(np.rint(centre + (image - centre) * np.exp(0.35)), 0, 255)
    assert np.abs(transforms._contrast(image, Fixed(), 1.0) - stretched).max() <= 1


def _on_red() -> np.ndarray:
    image = np.full((96, 128, 3), (205, 15, 15), np.uint8)
    cv2.ellipse(image, (64, 48), (30, 34), 0, 0, 360, (170, 130, 70), -1)
    return image


def test_another_background_leaves_the_object_and_is_named() -> None:
    image = _on_red()
    copy, done = augment(image, preset=[BACKGROUND], rng=rng())
    assert done == ("background",)
    assert np.array_equal(copy[40:56, 50:78], image[40:56, 50:78])
    assert np.abs(copy[:8].astype(int) - image[:8]).mean() > 15


def test_a_background_that_is_not_there_counts_as_none_and_another_transform_takes_its_place() -> None:
    image = scene()
    always = [BACKGROUND, *(t for t in PRESETS["light"] if t.name == "rotate")]
    seen = {augment(image, preset=always, rng=rng(i))[1] for i in range(12)}
    assert seen == {("rotate",)}
    copy, done = augment(image, preset=[BACKGROUND], rng=rng())
    assert done == ()
    assert np.array_equal(copy, image)


def test_other_backgrounds_leave_the_draws_of_a_preset_as_they_were() -> None:
    image = scene()
    plain = augment(image, preset="light", rng=rng(4))
    listed = augment(image, preset=PRESETS["light"], rng=rng(4))
    assert np.array_equal(plain[0], listed[0])
    assert plain[1] == listed[1]
