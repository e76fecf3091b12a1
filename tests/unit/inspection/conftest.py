"""Small folders whose findings are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def picture(seed: int, size: tuple[int, int] = (120, 96)) -> Image.Image:
    """Blobs at several scales, sharp and well lit."""
    rng = np.random.default_rng(seed)
    layers = []
    for cells in (4, 12, 48):
        small = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        layers.append(np.asarray(small.resize(size, Image.Resampling.BICUBIC), dtype=np.float32))
    return Image.fromarray(np.clip(np.mean(layers, axis=0) * 1.6 - 76, 0, 255).astype(np.uint8))


@pytest.fixture
def make_picture():
    return picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of four and six photographs, one of them with a Thai name."""
    root = tmp_path / "photographs"
    for seed in range(10):
        name = "พระสีวลี" if seed < 4 else "coin"
        (root / name).mkdir(parents=True, exist_ok=True)
        picture(seed).save(root / name / f"{seed}.jpg", quality=92)
    return root
