"""Areas of known curves; a model that looks at one place is found out by a map of that place alone."""

from __future__ import annotations

import numpy as np
import pytest

from ai_models.explaining.insertion_deletion import (
    Curves,
    area,
    centred_spot,
    curves_of,
    random_map,
    score_map,
)

SIDE = 32
IMAGE = np.full((SIDE, SIDE, 3), 200, dtype=np.uint8)
IMAGE[4:12, 4:12] = np.random.default_rng(0).integers(0, 2, (8, 8, 1)) * 255
THERE = np.zeros((SIDE, SIDE))
THERE[4:12, 4:12] = 1


def detail(images):
    """Return in [0, 1] how much of the corner's pattern is there: what a model would say that looks at it alone."""
    wanted = IMAGE[4:12, 4:12].astype(float)
    return np.array([1 - np.abs(image[4:12, 4:12] - wanted).mean() / 255 for image in images])


@pytest.mark.parametrize(
    ("curve", "expected"),
    [([0, 1], 0.5), ([1, 1, 1], 1.0), ([0, 0, 1], 0.25), ([0, 1, 1], 0.75), ([1, 0, 0, 0, 0], 0.125)],
)
def test_areas_known_on_paper(curve, expected):
    assert area(np.array(curve, dtype=float)) == pytest.approx(expected)
    assert area(np.array(curve, dtype=float)) == pytest.approx(np.trapezoid(curve, np.linspace(0, 1, len(curve))))


def test_gain_is_insertion_minus_deletion():
    assert Curves(np.array([1.0, 0, 0]), np.array([0.0, 1, 1])).gain == pytest.approx(0.75 - 0.25)


def test_curves_start_and_end_where_they_must():
    (found,) = curves_of(detail, IMAGE, [THERE], 16)
    whole = detail([IMAGE])[0]
    assert len(found.deletion) == len(found.insertion) == 17
    assert found.deletion[0] == found.insertion[-1] == whole == 1.0
    assert found.deletion[-1] < 0.6
    assert found.insertion[0] < 0.7  # nothing of the pattern is left in the blurred image
    assert found.insertion[1] == pytest.approx(1.0)  # 64 of 1,024 pixels: a 16th brings the whole corner back
    assert found.deletion[1] == pytest.approx(found.deletion[-1])


def test_only_the_order_of_a_map_counts():
    rng = np.random.default_rng(1)
    heat = rng.normal(size=(SIDE, SIDE))
    one, other = curves_of(detail, IMAGE, [heat, np.exp(3 * heat) + 7], 8)
    np.testing.assert_array_equal(one.deletion, other.deletion)
    np.testing.assert_array_equal(one.insertion, other.insertion)


def test_the_right_map_beats_random_ones_and_the_wrong_one_does_not():
    right = score_map(detail, IMAGE, THERE, (4, 4), steps=16, random_maps=9, seed=0)
    wrong = score_map(detail, IMAGE, -THERE, (4, 4), steps=16, random_maps=9, seed=0)
    assert right.beats_random
    assert right.beats_centre
    assert right.beaten == 9
    assert not wrong.beats_random
    assert not wrong.beats_centre
    assert wrong.beaten == 0
    assert [c.gain for c in right.random] == [c.gain for c in wrong.random]
    assert right.random_gain == pytest.approx(np.mean([c.gain for c in right.random]))


def test_random_maps_follow_seed_and_image():
    """What counts is how much of the left half is intact, which is the same for a chequerboard and its negative."""
    board = np.repeat((np.indices((SIDE, SIDE)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)

    def intact(images):
        return np.array([(np.abs(i[:, : SIDE // 2].astype(int) - 128) > 100).mean() for i in images])

    def curves(image, seed):
        found = score_map(intact, image, THERE, (4, 4), steps=4, random_maps=3, seed=seed)
        return [c.deletion.tolist() for c in (found.heat_map, *found.random)]

    assert curves(board, 0) == curves(board, 0)
    assert curves(board, 0)[0] == curves(board, 1)[0] == curves(255 - board, 0)[0]
    assert curves(board, 0)[1:] != curves(board, 1)[1:]
    assert curves(board, 0)[1:] != curves(255 - board, 0)[1:]


def test_a_random_map_is_as_coarse_as_its_grid():
    rng = np.random.default_rng(0)
    coarse, fine = random_map((2, 2), 64, 64, rng), random_map((32, 32), 64, 64, rng)
    assert np.abs(np.diff(coarse, axis=0)).mean() < np.abs(np.diff(fine, axis=0)).mean() / 5


def test_the_spot_is_in_the_middle():
    spot = centred_spot(21, 31)
    assert np.unravel_index(spot.argmax(), spot.shape) == (10, 15)
    np.testing.assert_allclose(spot, spot[::-1, ::-1])


def test_the_picture_stays_as_it_was():
    before = IMAGE.copy()
    curves_of(detail, IMAGE, [THERE], 4)
    np.testing.assert_array_equal(IMAGE, before)
