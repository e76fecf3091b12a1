"""The grid of SIFT descriptors against OpenCV's, which takes them point by point."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data

from ai_models.core.images import resize
from ai_models.features.dense_sift import dense_sift, grid

PHOTOGRAPHS = (skimage.data.astronaut, skimage.data.coffee, skimage.data.chelsea)


def _of_opencv(grey: np.ndarray, step: int, size: float) -> np.ndarray:
    at = np.arange(step / 2, grey.shape[0], step)
    points = [cv2.KeyPoint(float(x), float(y), size, 0) for y in at for x in at]
    return cv2.SIFT.create().compute(grey, points)[1]


@pytest.mark.parametrize("photograph", PHOTOGRAPHS, ids=lambda photograph: photograph.__name__)
@pytest.mark.parametrize(("side", "step", "size"), [(112, 8, 4.0), (56, 7, 4.0), (60, 11, 5.0)])
def test_descriptors_are_those_of_opencv(photograph, side: int, step: int, size: float) -> None:
    grey = cv2.cvtColor(resize(photograph(), side), cv2.COLOR_RGB2GRAY)
    expected = _of_opencv(grey, step, size)
    got = dense_sift(grey, grid(side, step, 1.5 * size))
    assert got.dtype == np.uint8
    difference = np.abs(got.astype(int) - expected)
    assert difference.max() <= 1
    assert np.mean(difference > 0) < 0.01


def test_noise_has_the_descriptors_of_opencv() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (112, 112), dtype=np.uint8)
    difference = np.abs(dense_sift(noise, grid(112, 8, 6.0)).astype(int) - _of_opencv(noise, 8, 4.0))
    assert difference.max() <= 1


def test_an_edge_by_hand() -> None:
    """A step from dark to light along the columns points right: orientation 0, in the columns of bins next to it."""
    grey = np.zeros((48, 48), dtype=np.uint8)
    grey[:, 24:] = 200
    middle = dense_sift(grey, grid(48, 48, 6.0)).reshape(4, 4, 8)  # one point, at 24, 24: the edge is at 23.5
    assert not middle[..., 1:].any()
    assert middle[:, 1:3, 0].min() > 2 * middle[:, [0, 3], 0].max()
    assert (middle[0] == middle[3]).all()


def test_one_grey_level_is_described_and_a_flat_patch_is_not() -> None:
    flat = np.full((56, 56), 70, dtype=np.uint8)
    assert not dense_sift(flat, grid(56, 7, 6.0)).any()
    flat[25:31] += 1
    rows = dense_sift(flat, grid(56, 7, 6.0))
    near = rows.reshape(8, 8, 128)[3:5].reshape(16, 128)
    assert np.abs(np.linalg.norm(near.astype(float), axis=1) - 512).max() < 12
    assert not rows.reshape(8, 8, 128)[0].any()
