"""Drawn shapes whose background is known: what is found, what stays as it is, what replaces it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ai_models.backgrounds import TEXTURES, find_background, paint, recoloured, replaced
from ai_models.core.errors import ConfigError
from ai_models.core.images import read_image, walk_images
from ai_models.core.rng import generator

RED, OCHRE = (210, 15, 15), (170, 130, 70)


def shape(
    side: int = 160, ground: tuple[int, int, int] = RED, own: tuple[int, int, int] = OCHRE, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return an ellipse on one colour, both a little noisy, and where the ground is."""
    rng = np.random.default_rng(seed)
    inside = np.zeros((side, side), np.uint8)
    cv2.ellipse(inside, (side // 2, side // 2), (side // 4, side // 3), 20, 0, 360, 1, -1)
    picture = np.where(inside[..., None] > 0, own, ground) + rng.normal(0, 4, (side, side, 3))
    return np.clip(picture, 0, 255).astype(np.uint8), inside == 0


@pytest.mark.parametrize("side", [64, 160, 700])
@pytest.mark.parametrize("ground", [RED, (240, 240, 240), (10, 10, 10), (40, 120, 60)])
def test_the_ground_about_a_shape_is_found_whatever_its_size_and_colour(side, ground):
    picture, ground_is = shape(side, ground)
    found = find_background(picture)
    assert found is not None
    both, either = (found.mask & ground_is).sum(), (found.mask | ground_is).sum()
    assert both / either > 0.95
    assert np.abs(found.colour.astype(int) - ground).max() <= 6
    assert found.share.min() == 0
    assert found.share.max() == pytest.approx(1)


def test_a_hole_of_the_ground_colour_inside_the_object_belongs_to_the_object():
    picture, _ = shape()
    picture[72:88, 72:88] = RED
    found = find_background(picture)
    assert found is not None
    assert not found.mask[74:86, 74:86].any()


def test_the_shadow_of_an_object_on_a_coloured_ground_is_ground():
    picture, ground_is = shape()
    shadow = np.roll(~ground_is, (8, 8), (0, 1)) & ground_is
    picture[shadow] = picture[shadow] // 2
    found = find_background(picture)
    assert found is not None
    assert found.mask[shadow].mean() > 0.9


def test_specks_on_the_ground_are_ground():
    picture, _ = shape()
    picture[10:14, 10:14] = 255
    found = find_background(picture)
    assert found is not None
    assert found.mask[10:14, 10:14].all()


def _noise():
    return np.random.default_rng(0).integers(0, 256, (120, 120, 3)).astype(np.uint8)


def _stripes():
    return np.where((np.arange(120) // 12 % 2)[:, None, None] > 0, RED, (20, 60, 200)) * np.ones(
        (120, 120, 1), np.uint8
    )


def _nothing_but_ground():
    return np.full((120, 120, 3), RED, np.uint8)


def _two_things():
    picture = np.full((120, 120, 3), RED, np.uint8)
    picture[45:75, 12:42] = picture[45:75, 78:108] = OCHRE
    return picture


@pytest.mark.parametrize("draw", [_noise, _stripes, _nothing_but_ground, _two_things])
def test_where_there_is_no_ground_about_one_object_the_picture_stays(draw):
    picture = draw().astype(np.uint8)
    assert find_background(picture) is None
    assert replaced(picture, generator(0, "x")) is None
    assert recoloured(picture, np.array([0, 0, 0], np.uint8)) is None


@pytest.mark.parametrize("kind", TEXTURES)
def test_only_the_ground_is_replaced_and_nothing_of_its_colour_stays(kind):
    picture, ground_is = shape()
    before = picture.copy()
    after = replaced(picture, generator(3, "x"), kind)
    assert after is not None
    assert np.array_equal(picture, before)
    core = cv2.erode((~ground_is).astype(np.uint8), np.ones((11, 11), np.uint8)) > 0
    assert np.array_equal(after[core], picture[core])
    lab = cv2.cvtColor(after, cv2.COLOR_RGB2LAB).astype(float)
    red = cv2.cvtColor(np.array([[RED]], np.uint8), cv2.COLOR_RGB2LAB)[0, 0].astype(float)
    near_red = np.linalg.norm((lab - red) * (100 / 255, 1, 1), axis=2) < 15
    assert near_red.mean() < 0.002  # no rim either
    edge = cv2.dilate(core.astype(np.uint8), np.ones((23, 23), np.uint8)) > 0
    far = ~edge & ground_is
    assert np.linalg.norm(lab[far].mean(axis=0) - red) > 25


@pytest.mark.parametrize("kind", TEXTURES)
def test_a_surface_depends_on_the_seed_alone_and_differs_from_what_it_replaces(kind):
    unlike = np.array(RED, np.uint8)
    one, again = (paint(kind, 90, 120, generator(5, "x"), unlike=unlike) for _ in range(2))
    assert np.array_equal(one, again)
    assert one.shape == (90, 120, 3)
    colours = [paint(kind, 24, 24, generator(s, "y"), unlike=unlike).reshape(-1, 3).mean(axis=0) for s in range(20)]
    lab = cv2.cvtColor(np.array([[*colours, RED]], np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    assert np.linalg.norm(lab[:-1] - lab[-1], axis=1).min() >= 30 - 1e-3
    assert np.linalg.norm(lab[:-1] - lab[:-1].mean(axis=0), axis=1).mean() > 8  # not one colour every time


def test_kinds_look_as_they_are_called():
    def spread(kind: str) -> tuple[float, float]:
        made = [paint(kind, 96, 96, generator(s, "z")).astype(float).mean(axis=2) for s in range(12)]
        fine = np.mean([np.abs(np.diff(m, axis=1)).mean() for m in made])
        coarse = np.mean([cv2.resize(m, (4, 4), interpolation=cv2.INTER_AREA).std() for m in made])
        return float(fine), float(coarse)

    plain, gradient, cloth = spread("plain"), spread("gradient"), spread("cloth")
    assert plain[0] < 3
    assert plain[1] < 1
    assert gradient[1] > 10 * plain[1]
    assert cloth[0] > 2 * plain[0]


def test_an_unknown_surface_is_refused():
    with pytest.raises(ConfigError, match="a background must be one of plain, gradient"):
        paint("marble", 10, 10, generator(0, "x"))


def test_recoloured_pictures_have_the_colour_asked_for():
    picture, ground_is = shape()
    blue = np.array([20, 40, 200], np.uint8)
    after = recoloured(picture, blue)
    assert after is not None
    ground = cv2.erode(ground_is.astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=1) > 0
    assert (after[ground] == blue).all()


def test_the_red_ground_of_real_photographs_is_found(shared_data):
    files = list(walk_images(shared_data / "amulets"))[::8]
    found = [find_background(read_image(shared_data / "amulets" / f)) for f in files]
    assert all(f is not None for f in found)
    reds = np.array([f.colour for f in found if f is not None])
    assert (np.median(reds, axis=0) > (190, 0, 0)).tolist()[0]
    assert np.median(reds, axis=0)[1] < 40
