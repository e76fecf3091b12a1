"""Thumbnails keep the picture and its shape."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from ai_models.reporting.thumbnails import thumbnail


def opened(uri: str) -> Image.Image:
    head, data = uri.split(",", 1)
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


@pytest.mark.parametrize(
    ("shape", "size"), [((300, 200), (64, 96)), ((100, 400), (96, 24)), ((20, 30), (30, 20)), ((1, 5000), (96, 1))]
)
def test_longer_side_fits_and_small_ones_stay(shape, size):
    assert opened(thumbnail(np.zeros((*shape, 3), np.uint8))).size == size


def test_colours_stay():
    image = np.zeros((200, 200, 3), np.uint8)
    image[:, :100], image[:, 100:] = (200, 40, 30), (20, 60, 210)
    shown = np.asarray(opened(thumbnail(image)).convert("RGB")).astype(int)
    assert abs(shown[48, 20] - (200, 40, 30)).max() < 12
    assert abs(shown[48, 76] - (20, 60, 210)).max() < 12
    assert thumbnail(image) == thumbnail(image)
