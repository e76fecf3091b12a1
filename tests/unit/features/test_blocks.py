"""Blocks against second implementations, and the promises that every block makes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data
from skimage.feature import hog as skimage_hog
from skimage.feature import local_binary_pattern as skimage_lbp

from ai_models.core.errors import ConfigError
from ai_models.core.images import resize
from ai_models.core.settings import FeatureConfig
from ai_models.features import (
    BaseFeatureExtractor,
    ColourExtractor,
    HogExtractor,
    LbpExtractor,
    OrbExtractor,
    SiftExtractor,
    register,
    registered,
)
from ai_models.features.hog import hog
from ai_models.features.lbp import _STRAIGHT, PATTERNS, local_binary_pattern

CLASSIC = (HogExtractor, LbpExtractor, ColourExtractor, SiftExtractor, OrbExtractor)


def pictures(size: int = 224) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    flat = np.full((size, size, 3), 77, dtype=np.uint8)
    return [resize(skimage.data.astronaut(), size), resize(skimage.data.coffee(), size), noise, flat]


@pytest.mark.parametrize("size", [32, 100, 224])
def test_hog_equals_scikit_image(size: int) -> None:
    for picture in pictures(size):
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        expected = skimage_hog(grey, 9, (16, 16), (2, 2), "L2-Hys")
        np.testing.assert_allclose(hog(grey), expected, atol=1e-6)


def test_lbp_has_the_codes_of_scikit_image() -> None:
    seen: dict[int, int] = {}
    for picture in pictures():
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        ours, theirs = local_binary_pattern(grey), skimage_lbp(grey, 8, 1, "nri_uniform").astype(int)
        pairs, counts = np.unique(np.stack([ours.ravel(), theirs.ravel()]), axis=1, return_counts=True)
        for (mine, other), count in zip(pairs.T, counts, strict=True):
            if count > 20:  # a tie that rounding decides there is not one of the codes' names
                assert seen.setdefault(int(mine), int(other)) == other
    assert len(seen) == PATTERNS
    assert len(set(seen.values())) == PATTERNS


def test_lbp_by_hand() -> None:
    grey = np.array([[9, 9, 9], [0, 5, 0], [0, 0, 0]], dtype=np.uint8)
    # Above the centre all three reach it: a run of three that starts at the upper right, place 1.
    assert local_binary_pattern(grey)[1, 1] == 1 + 8 * (3 - 1) + 1


@pytest.mark.parametrize("cls", CLASSIC)
@pytest.mark.parametrize("size", [32, 75, 224, 301])
def test_shape_is_that_of_the_names_at_every_size(cls: type[BaseFeatureExtractor], size: int) -> None:
    block = cls(FeatureConfig(image_size=size))
    rows = block.extract_many(pictures(size))
    names = block.get_feature_names()
    encoder = block.encoder(0)
    if encoder is not None:
        assert rows.dtype == np.uint8
        rows = encoder.fit(rows).transform(rows)
    assert rows.shape == (4, len(names))
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    assert len(set(names)) == len(names)


def test_histograms_sum_to_one_and_moments_are_right() -> None:
    config = FeatureConfig()
    picture = pictures()[0]
    lbp = LbpExtractor(config).extract_features(picture).reshape(-1, PATTERNS)
    np.testing.assert_allclose(lbp.sum(axis=1), 1, rtol=1e-6)
    colour = ColourExtractor(config).extract_features(picture)
    np.testing.assert_allclose([colour[i : i + 32].sum() for i in range(0, 128, 32)], 1, rtol=1e-6)
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).reshape(-1, 3) / 255
    np.testing.assert_allclose(colour[136:139], lab.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(colour[139:142], lab.std(axis=0), rtol=1e-5)
    np.testing.assert_allclose(colour[142:] ** 3, ((lab - lab.mean(axis=0)) ** 3).mean(axis=0), rtol=1e-3, atol=1e-9)


def test_red_and_blue_are_told_apart() -> None:
    red = np.zeros((64, 64, 3), dtype=np.uint8)
    red[..., 0] = 255
    block = ColourExtractor(FeatureConfig(image_size=64))
    names = dict(zip(block.get_feature_names(), block.extract_features(red), strict=True))
    assert names["cell_0_0_hue_0_saturation_3"] == 1
    assert names["mean_a"] > names["mean_L"]


def test_a_flat_picture_has_no_local_descriptors() -> None:
    flat = pictures()[3]
    assert not SiftExtractor(FeatureConfig()).extract_features(flat).any()
    assert not OrbExtractor(FeatureConfig()).extract_features(flat).any()


def test_registry_answers_with_the_nearest_name() -> None:
    assert registered("hog") is HogExtractor
    with pytest.raises(ConfigError, match=r"unknown feature block 'hogg': did you mean 'hog'\?"):
        registered("hogg")
    with pytest.raises(ConfigError, match="already"):

        @register
        class Other(HogExtractor):
            pass

    with pytest.raises(ConfigError, match="identifier"):

        @register
        class Nameless(HogExtractor):
            name = "two words"


class FromEntryPoint(HogExtractor):
    name = "offered"


def test_entry_points_offer_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint, EntryPoints

    from ai_models.features import registry

    offered = EntryPoints(
        [
            EntryPoint("offered", "ai_models.features.hog:HogExtractor", registry.ENTRY_POINT_GROUP),
            EntryPoint("wrong", "ai_models.features.hog:hog", registry.ENTRY_POINT_GROUP),
        ]
    )
    monkeypatch.setattr(registry, "_BLOCKS", {})
    monkeypatch.setattr(registry, "entry_points", lambda group: offered.select(group=group))
    assert registered("offered") is HogExtractor
    with pytest.raises(ConfigError, match="must be a BaseFeatureExtractor"):
        registered("wrong")


def test_single_precision_decides_a_diagonal_neighbour_exactly() -> None:
    """Every sum of two straight differences against every corner: the sign of exact integer arithmetic."""
    straight, corner = np.arange(-510, 511)[:, None], np.arange(-255, 256)[None, :]
    exact = 29_289 * straight + 70_711 * corner
    assert np.abs(exact[exact != 0]).min() / 70_711 > 0.001
    one, two = np.meshgrid(np.arange(-255, 256), np.arange(-255, 256))  # the two are scaled apart, and added
    scaled = one.astype(np.float32) * _STRAIGHT + two.astype(np.float32) * _STRAIGHT
    assert np.abs(scaled - (one + two) * (29_289 / 70_711)).max() < 0.0001
    assert (scaled[one == -two] == 0).all()
