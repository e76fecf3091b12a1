import cv2
import numpy as np
import pytest


def scene(seed: int, side: int = 200) -> np.ndarray:
    """A picture with corners and blobs of many sizes, as photographs have them."""
    rng = np.random.default_rng(seed)
    image = np.full((side, side, 3), rng.integers(60, 200), np.uint8)
    for _ in range(60):
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        centre = tuple(int(c) for c in rng.integers(0, side, 2))
        if rng.integers(2):
            cv2.circle(image, centre, int(rng.integers(3, 22)), colour, -1)
        else:
            corner = tuple(int(c) for c in rng.integers(0, side, 2))
            cv2.rectangle(image, centre, corner, colour, int(rng.integers(1, 5)))
    noise = rng.normal(0, 4, image.shape)
    return np.clip(cv2.GaussianBlur(image, (0, 0), 0.8) + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def drawn() -> list[np.ndarray]:
    """Thirty different pictures."""
    return [scene(seed) for seed in range(30)]


@pytest.fixture(scope="session")
def turned():
    """The function that turns a picture by an angle in degrees, what comes into view being black."""

    def turn(image: np.ndarray, degrees: float) -> np.ndarray:
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
        return cv2.warpAffine(image, matrix, (width, height))

    return turn


@pytest.fixture(scope="session")
def cropped():
    """The function that keeps a share of both sides of a picture."""

    def crop(image: np.ndarray, top: int, left: int, share: float = 0.8) -> np.ndarray:
        height, width = (round(n * share) for n in image.shape[:2])
        return image[top : top + height, left : left + width].copy()

    return crop
