"""Surfaces that things are photographed on, drawn by rule: plain, gradient, cloth, wood and stone in random colours."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import ConfigError
from ai_models.core.images import RGBImage

__all__ = ["TEXTURES", "paint"]

Floats = NDArray[np.float64]
_Surface = Callable[[int, int, np.random.Generator], Floats]  # -> Lab (h, w, 3), L in [0, 100]
_LEAST_DIFFERENCE = 30.0  # of CIE Lab (1976) from the colour that it takes the place of
_TRIES = 32


def paint(
    kind: str, height: int, width: int, rng: np.random.Generator, *, unlike: NDArray[np.uint8] | None = None
) -> RGBImage:
    """Paint a surface.

    Parameters
    ----------
    kind
        One of `TEXTURES`.
    height, width
        Pixels.
    rng
        Where colours and texture are drawn from.
    unlike
        uint8 (3,), RGB: a colour that the surface must differ from by at least 30 of CIE Lab on average.

    Returns
    -------
    numpy.ndarray
        uint8 (height, width, 3), RGB.

    Raises
    ------
    ConfigError
        For an unknown kind.
    """
    if kind not in _SURFACES:
        raise ConfigError([f"a background must be one of {', '.join(TEXTURES)}, got {kind!r}"])
    for _ in range(_TRIES):
        picture = _rgb(_SURFACES[kind](height, width, rng))
        if unlike is None or _difference(picture, unlike) >= _LEAST_DIFFERENCE:
            break
    return picture


def _plain(height: int, width: int, rng: np.random.Generator) -> Floats:
    surface = np.broadcast_to(_colour(rng), (height, width, 3)).copy()
    surface[..., 0] += rng.normal(scale=rng.uniform(0.3, 1.2), size=(height, width))  # the noise of a camera
    return surface


def _gradient(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Light that falls off across the surface, and a second colour along with it."""
    y, x = _grid(height, width)
    angle = rng.uniform(0, 2 * math.pi)
    along = x * math.cos(angle) + y * math.sin(angle)
    along = (along - along.min()) / max(float(np.ptp(along)), 1e-9)
    one = _colour(rng)
    other = one + np.array([rng.choice([-1, 1]) * rng.uniform(15, 35), *rng.uniform(-15, 15, size=2)])
    surface = one + along[..., None] * (other - one)
    surface[..., 0] += rng.normal(scale=0.6, size=(height, width))
    return np.asarray(surface)


def _cloth(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Warp and weft: two sets of threads, one above the other in turn, of uneven thickness."""
    y, x = _grid(height, width)
    count, angle = rng.uniform(25, 60), rng.uniform(0, math.pi)
    wobble = _clouds(height, width, rng, 4, 2) * 0.006
    u = (x * math.cos(angle) + y * math.sin(angle) + wobble) * count
    v = (y * math.cos(angle) - x * math.sin(angle) + wobble) * count
    warp, weft = np.abs(np.sin(math.pi * u)), np.abs(np.sin(math.pi * v))
    above = (np.floor(u) + np.floor(v)) % 2 == 0
    surface = np.broadcast_to(_colour(rng), (height, width, 3)).copy()
    thread = np.where(above, warp, weft) - 0.6
    surface[..., 0] += thread * rng.uniform(8, 20) + _clouds(height, width, rng, 3, 4) * rng.uniform(2, 8)
    return surface


def _wood(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Year rings cut lengthwise, bent by slow noise, and fine fibres along them; browns, or stained."""
    y, x = _grid(height, width)
    angle = rng.uniform(0, math.pi)
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    bend = _clouds(height, width, rng, 2, 3) * rng.uniform(0.05, 0.2)
    rings = np.sin(2 * math.pi * (across + bend + 0.05 * along) * rng.uniform(6, 16))
    fibres = _stretched(height, width, angle, rng)
    base = np.array([rng.uniform(25, 75), rng.uniform(4, 18), rng.uniform(12, 38)])
    surface = np.broadcast_to(base, (height, width, 3)).copy()
    surface[..., 0] += rings * rng.uniform(3, 9) + fibres * rng.uniform(3, 7)
    surface[..., 2] += rings * rng.uniform(0, 4)
    return surface


def _stone(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Clouds over many scales and grains, as of stone, concrete, sand or a worn table."""
    surface = np.broadcast_to(_colour(rng), (height, width, 3)).copy()
    surface[..., 0] += _clouds(height, width, rng, 3, 6) * rng.uniform(5, 14)
    grains = rng.normal(size=(height, width)) * rng.uniform(1, 7)
    surface[..., 0] += cv2.GaussianBlur(grains, (0, 0), max(0.4, min(height, width) / 400))
    surface[..., 1:] += _clouds(height, width, rng, 3, 3)[..., None] * rng.uniform(-6, 6, size=2)
    return surface


_SURFACES: dict[str, _Surface] = {
    "plain": _plain,
    "gradient": _gradient,
    "cloth": _cloth,
    "wood": _wood,
    "stone": _stone,
}
TEXTURES = tuple(_SURFACES)
"""Kinds of surface."""


def _colour(rng: np.random.Generator) -> Floats:
    """Draw a colour of CIE Lab: any lightness but the ends, any hue, from grey to colourful."""
    hue, chroma = rng.uniform(0, 2 * math.pi), rng.uniform(0, 60)
    return np.array([rng.uniform(15, 92), chroma * math.cos(hue), chroma * math.sin(hue)])


def _grid(height: int, width: int) -> tuple[Floats, Floats]:
    """Return y and x, float (h, w), in units of the longer side."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    return y / max(height, width), x / max(height, width)


def _clouds(height: int, width: int, rng: np.random.Generator, cells: int, octaves: int) -> Floats:
    """Sum noise of `cells` cells a side and of each finer scale, half as strong; standard deviation 1."""
    total = np.zeros((height, width))
    for octave in range(octaves):
        n = cells * 2**octave + 1
        total += 0.5**octave * cv2.resize(rng.normal(size=(n, n)), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray((total - total.mean()) / max(float(total.std()), 1e-9))


def _stretched(height: int, width: int, angle: float, rng: np.random.Generator) -> Floats:
    """Return noise that is long in one direction, float (h, w), standard deviation 1."""
    side = max(height, width)
    noise = rng.normal(size=(side, side)).astype(np.float32)
    long = cv2.GaussianBlur(noise, (0, 0), sigmaX=side / 16, sigmaY=max(0.6, side / 400))
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), -math.degrees(angle), 1.5)
    turned = cv2.warpAffine(long, matrix, (side, side), borderMode=cv2.BORDER_REFLECT_101)[:height, :width]
    return np.asarray((turned - turned.mean()) / max(float(turned.std()), 1e-9), dtype=np.float64)


def _rgb(lab: Floats) -> RGBImage:
    values = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB)
    return np.asarray(np.clip(np.rint(values * 255.0), 0, 255), dtype=np.uint8)


def _difference(picture: RGBImage, colour: NDArray[np.uint8]) -> float:
    both = np.concatenate([picture.reshape(-1, 3).mean(axis=0)[None], colour[None]]).astype(np.float32) / 255.0
    one, other = cv2.cvtColor(both[None], cv2.COLOR_RGB2LAB)[0]
    return float(np.linalg.norm(one - other))
