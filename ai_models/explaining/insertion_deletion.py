"""Is a heat map right? Take away what it points at, and see whether the model changes its mind.

Petsiuk, Das and Saenko (RISE, 2018): pixels are deleted in the order of the map (or inserted into a blurred image),
and the probability that the real model gives is followed. A good map has a small area under the deletion curve and a
large one under the insertion curve. An area alone says little, since any loss of pixels hurts, so the same is done
for maps that know nothing of the image: random ones of the same coarseness, and a spot in the middle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.core.images import RGBImage
from ai_models.core.rng import generator

__all__ = ["Curves", "MapScore", "area", "centred_spot", "curves_of", "random_map", "score_map"]

Floats = NDArray[np.float64]
Score = Callable[[Sequence[RGBImage]], Floats]
"""Images, uint8 (h, w, 3) each -> what the model gives to the class that is explained, float64 (n,)."""


@dataclass(frozen=True)
class Curves:
    """What the model says while pixels go, and while they come.

    Attributes
    ----------
    deletion, insertion
        float64 (steps + 1,), the probability after 0, 1/steps, ... of the pixels.
    """

    deletion: Floats
    insertion: Floats

    @property
    def gain(self) -> float:
        """Area under the insertion curve minus that under the deletion curve, in [-1, 1]; higher = a better map."""
        return area(self.insertion) - area(self.deletion)


@dataclass(frozen=True)
class MapScore:
    """A map's curves beside those of maps that know nothing.

    Attributes
    ----------
    heat_map
        Of the map.
    random
        Of random maps of the same coarseness.
    centre
        Of a spot in the middle.
    """

    heat_map: Curves
    random: tuple[Curves, ...]
    centre: Curves

    @property
    def random_gain(self) -> float:
        """Mean gain of the random maps."""
        return float(np.mean([one.gain for one in self.random]))

    @property
    def beaten(self) -> int:
        """How many random maps have a smaller gain than the map."""
        return sum(one.gain < self.heat_map.gain for one in self.random)

    @property
    def beats_random(self) -> bool:
        """Whether the map has a larger gain than every random one."""
        return self.beaten == len(self.random)

    @property
    def beats_centre(self) -> bool:
        """Whether the map has a larger gain than the spot in the middle."""
        return self.heat_map.gain > self.centre.gain


def score_map(
    score: Score, image: RGBImage, heat_map: Floats, grid: tuple[int, int], *, steps: int, random_maps: int, seed: int
) -> MapScore:
    """Score a map against maps that know nothing.

    Parameters
    ----------
    score
        The real model.
    image
        uint8 (h, w, 3), RGB.
    heat_map
        float64 (h, w), higher = more for the class; the whole order counts, not only what is above zero.
    grid
        Height and width of the map before it was enlarged: the coarseness of the random ones.
    steps
        In how many equal parts pixels go and come.
    random_maps
        How many, at least 1.
    seed
        Of the random maps; they depend on it and on the image alone.
    """
    h, w = heat_map.shape
    drawn = [random_map(grid, h, w, generator(seed, "random map", image.tobytes(), i)) for i in range(random_maps)]
    first, *others, centre = curves_of(score, image, [heat_map, *drawn, centred_spot(h, w)], steps)
    return MapScore(first, tuple(others), centre)


def curves_of(score: Score, image: RGBImage, heat_maps: Sequence[Floats], steps: int) -> list[Curves]:
    """Return the curves of several maps of one image; the model sees everything in one call."""
    emptied, blurred = _emptied(image), _blurred(image)
    pictures: list[RGBImage] = [image, emptied, blurred]
    for heat_map in heat_maps:
        place = np.empty(heat_map.size, dtype=np.int64)
        place[np.argsort(-heat_map.ravel(), kind="stable")] = np.arange(heat_map.size)
        for step in range(1, steps):
            first = (place < heat_map.size * step / steps).reshape(heat_map.shape)[..., None]
            pictures += [np.where(first, emptied, image), np.where(first, image, blurred)]
    said = score(pictures)
    whole, nothing, start = said[:3]
    inner = said[3:].reshape(len(heat_maps), steps - 1, 2)
    return [
        Curves(np.concatenate([[whole], one[:, 0], [nothing]]), np.concatenate([[start], one[:, 1], [whole]]))
        for one in inner
    ]


def area(curve: Floats) -> float:
    """Return the area under a curve over equal steps from 0 to 1, by trapezoids."""
    return float((curve[1:] + curve[:-1]).mean() / 2)


def random_map(grid: tuple[int, int], height: int, width: int, rng: np.random.Generator) -> Floats:
    """Return noise of a coarse grid, enlarged as maps are, float64 (height, width)."""
    noise = cv2.resize(rng.standard_normal(grid), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(noise, dtype=np.float64)


def centred_spot(height: int, width: int) -> Floats:
    """Return a Gaussian in the middle, float64 (height, width): photographers put what matters there."""
    y = (np.arange(height) + 0.5) / height - 0.5
    x = (np.arange(width) + 0.5) / width - 0.5
    return np.asarray(np.exp(-(y[:, None] ** 2 + x[None, :] ** 2) / (2 * 0.25**2)))


def _emptied(image: RGBImage) -> RGBImage:
    """Return an image of the same size in the mean colour."""
    return np.broadcast_to(np.rint(image.mean(axis=(0, 1))).astype(np.uint8), image.shape).copy()


def _blurred(image: RGBImage) -> RGBImage:
    """Return the image without its details; what is left is where light and dark are."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(image.shape[:2]) / 16), dtype=np.uint8)
