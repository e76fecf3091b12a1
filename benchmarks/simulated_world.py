"""A world whose truth is known: objects of a few classes as vectors, several photographs of each.

    photograph = class mean (or one of its two forms) + effect of the object + effect of the photograph

in two blocks of features. Worlds differ in how far the classes stand apart, how alike the photographs of one object
are, how heavy the tails are, and whether the blocks are bent; from one world any number of further objects can be
drawn, so that what a model does with new ones is known nearly exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_models.core.rng import generator
from ai_models.core.settings import FeatureConfig
from ai_models.features import HybridFeatureExtractor, RawFeatures
from ai_models.features.base import BaseFeatureExtractor
from ai_models.features.registry import register

__all__ = ["BLOCKS", "Folder", "Objects", "World", "extractor"]

BLOCKS = {"simulated_shape": 16, "simulated_texture": 8}
"""Block -> columns."""
MOST_PHOTOGRAPHS = 4
"""Of one object."""


class _Simulated(BaseFeatureExtractor):
    """A block whose rows are drawn, not extracted."""

    def extract_features(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise NotImplementedError("simulated blocks have no images")

    def get_feature_names(self) -> list[str]:
        return [str(i) for i in range(BLOCKS[self.name])]


@register
class _Shape(_Simulated):
    name = "simulated_shape"


@register
class _Texture(_Simulated):
    name = "simulated_texture"


def extractor() -> HybridFeatureExtractor:
    """Return an extractor whose blocks are the simulated ones; it encodes rows and sees no image."""
    off = {f"use_{name}_features": False for name in ("cnn", "hog", "lbp", "sift", "colour")}
    return HybridFeatureExtractor(FeatureConfig(**off, custom_blocks=tuple(BLOCKS), cache_features=False), workers=1)


@dataclass(frozen=True)
class Objects:
    """Photographs of drawn objects.

    Attributes
    ----------
    raw
        The blocks, a row a photograph.
    y
        int64 (n,), class.
    groups
        (n,), the object that each shows.
    """

    raw: RawFeatures
    y: NDArray[np.int64]
    groups: NDArray[np.str_]


@dataclass(frozen=True)
class World:
    """What there is to draw from.

    Attributes
    ----------
    forms
        float64 (k, 2, d): two means a class, equal where a class has one form.
    object_spread, photograph_spread
        Standard deviation of the two effects.
    tail
        Degrees of freedom of the effects' Student distribution; 0 for normal ones.
    bent
        Whether the blocks are bent: x -> sinh(x / 2).
    shares
        float64 (k,), how often each class comes.
    """

    forms: NDArray[np.float64]
    object_spread: float
    photograph_spread: float
    tail: int
    bent: bool
    shares: NDArray[np.float64]

    @classmethod
    def drawn(cls, rng: np.random.Generator, shares: NDArray[np.float64]) -> World:
        """Return a world; the shares of the classes are given."""
        k, d = len(shares), sum(BLOCKS.values())
        apart = np.exp(rng.uniform(np.log(0.35), np.log(1.2)))
        forms = np.repeat(rng.normal(size=(k, 1, d)) * apart, 2, axis=1)
        if rng.random() < 0.3:
            forms[:, 1] += rng.normal(size=(k, d)) * apart * 0.7
        alike = rng.uniform(0.2, 0.9)  # share of the variance within a class that is the object's
        return cls(
            forms, float(np.sqrt(alike)), float(np.sqrt(1 - alike)), int(rng.choice([0, 0, 4])),
            bool(rng.random() < 0.3), shares,
        )  # fmt: skip

    def objects(self, rng: np.random.Generator, y: NDArray[np.int64], photographs: NDArray[np.int64]) -> Objects:
        """Return photographs of new objects.

        Parameters
        ----------
        y
            int64 (objects,), the class of each.
        photographs
            int64 (objects,), how many there are of each.
        """
        d = self.forms.shape[2]
        own = self.forms[y, rng.integers(0, 2, len(y))] + self._effect(rng, (len(y), d)) * self.object_spread
        member = np.repeat(np.arange(len(y)), photographs)
        x = own[member] + self._effect(rng, (len(member), d)) * self.photograph_spread
        x = np.sinh(x / 2) if self.bent else x
        stops = np.cumsum([0, *BLOCKS.values()])
        blocks = {
            name: (x[:, a:b] + 1.0).astype(np.float32) for name, a, b in zip(BLOCKS, stops, stops[1:], strict=False)
        }
        return Objects(RawFeatures(blocks), y[member], np.array([f"object {i}" for i in member]))

    def _effect(self, rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
        normal = rng.normal(size=shape)
        if not self.tail:
            return normal
        spread = np.sqrt(rng.chisquare(self.tail, size=(shape[0], 1)) / self.tail)
        return np.asarray(normal / spread * np.sqrt((self.tail - 2) / self.tail))


@dataclass(frozen=True)
class Folder:
    """What a user has, and what the world would show next.

    Attributes
    ----------
    own
        The photographs.
    fresh
        Two photographs each of many new objects, their classes drawn as those of the user's objects.
    classes
        Names.
    """

    own: Objects
    fresh: Objects
    classes: tuple[str, ...]

    @classmethod
    def drawn(
        cls, seed: int, number: int, *, classes: int = 6, objects: tuple[int, int] = (10, 40), fresh: int = 1500
    ) -> Folder:
        """Return the folder of a number.

        Parameters
        ----------
        seed, number
            Of the run, and of the folder in it.
        classes
            How many.
        objects
            Fewest and most of a class.
        fresh
            Number of new objects.
        """
        rng = generator(seed, "simulated folder", number)
        counts = rng.integers(objects[0], objects[1] + 1, classes)
        world = World.drawn(rng, counts / counts.sum())
        y = np.repeat(np.arange(classes), counts)
        own = world.objects(rng, y, rng.integers(1, MOST_PHOTOGRAPHS + 1, len(y)))
        later = rng.choice(classes, fresh, p=world.shares)
        return cls(
            own, world.objects(rng, later, np.full(fresh, 2)), tuple(f"class {chr(97 + c)}" for c in range(classes))
        )
