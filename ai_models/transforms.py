"""Seeded image -> image transforms and their presets: augmentation, test-time views, robustness curves.

No preset flips or turns: amulets and many other objects carry script, and a mirrored letter is not a letter.
`SYMMETRIES` are there for where that has been looked into.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ai_models.backgrounds import replaced
from ai_models.core.errors import ConfigError
from ai_models.core.images import RGBImage, decode

__all__ = [
    "BACKGROUND",
    "HORIZONTAL_FLIP",
    "LONGEST_SIDE",
    "PRESETS",
    "SYMMETRIES",
    "Transform",
    "augment",
    "preset_for",
    "reduced",
]

LONGEST_SIDE = 1024
"""A larger photograph is reduced first: no feature looks at more pixels, and a copy of 12 megapixels costs 5 MB."""

_SMALLEST = 8  # pixels a side from which every transform is defined
_STRONGEST = 2.0
_Function = Callable[[RGBImage, np.random.Generator, float], RGBImage]


@dataclass(frozen=True, slots=True)
class Transform:
    """One kind of change.

    Attributes
    ----------
    name
        What the manifest and the reports call it.
    function
        ``(image, rng, strength) -> image``; draws all its parameters from `rng`.
    strength
        Size of the change; 1 is what a careful photographer might still produce, 0 hardly anything.
    probability
        Share of images in [0, 1] that get it.
    """

    name: str
    function: _Function
    strength: float = 1.0
    probability: float = 0.5

    def __call__(self, image: RGBImage, rng: np.random.Generator, strength: float = 1.0) -> RGBImage:
        """Return a changed copy of uint8 (h, w, 3) RGB, `strength` times as strong; a turn exchanges its sides."""
        return self.function(image, rng, min(_STRONGEST, self.strength * strength))


def preset_for(n_images: int) -> str:
    """Return the preset for a data set of a size: light below 500 images, medium to 2,000, heavy above."""
    return "light" if n_images < 500 else "medium" if n_images <= 2000 else "heavy"


def augment(
    image: RGBImage,
    *,
    preset: str | Sequence[Transform],
    rng: np.random.Generator,
    strength: float = 1.0,
) -> tuple[RGBImage, tuple[str, ...]]:
    """Make one changed copy.

    Each transform of the preset is applied with its probability, in the preset's order; at least one always is. One
    that finds nothing to do (a background that is not there) counts as none.

    Parameters
    ----------
    image
        uint8 (h, w, 3), RGB, at least 8 pixels a side; left as it is.
    preset
        Name of one of `PRESETS`, or transforms of one's own; one of probability 0 is never drawn, and the others are
        drawn as if it were not switched off.
    rng
        Where every choice is drawn from.
    strength
        Multiplies the strength of each transform; more than 1 for classes with few images.

    Returns
    -------
    tuple
        The copy, uint8 (h, w, 3) (height and width exchanged by a quarter turn), and the names of what was done.

    Raises
    ------
    ConfigError
        When the preset is unknown or has nothing to draw, or the image is smaller than 8 pixels a side.
    """
    transforms = PRESETS.get(preset, ()) if isinstance(preset, str) else tuple(preset)
    usable = [i for i, t in enumerate(transforms) if t.probability > 0]
    if not usable:
        raise ConfigError([f"preset must be one of {', '.join(PRESETS)}, got {preset!r}"])
    if min(image.shape[:2]) < _SMALLEST:
        height, width = image.shape[:2]
        raise ConfigError([f"an image to augment must have at least {_SMALLEST} pixels a side, got {width} x {height}"])
    drawn = rng.random(len(transforms)) < [t.probability for t in transforms]
    if not drawn.any():
        drawn[usable[int(rng.integers(len(usable)))]] = True
    chosen = [t for t, use in zip(transforms, drawn, strict=True) if use]
    image, done = _applied(image, chosen, rng, strength)
    if not done:
        others = [transforms[i] for i in usable if transforms[i] not in chosen]
        if others:
            image, done = _applied(image, [others[int(rng.integers(len(others)))]], rng, strength)
    return np.ascontiguousarray(image), done


def _applied(
    image: RGBImage, chosen: Sequence[Transform], rng: np.random.Generator, strength: float
) -> tuple[RGBImage, tuple[str, ...]]:
    done = []
    for transform in chosen:
        changed = transform(image, rng, strength)
        if changed is not image:
            done.append(transform.name)
        image = changed
    return image, tuple(done)


# -- surroundings ------------------------------------------------------------------------------------------


def _background(image: RGBImage, rng: np.random.Generator, _strength: float) -> RGBImage:
    """Put the object on another surface; an image without a background of one colour is returned itself."""
    other = replaced(image, rng)
    return image if other is None else other


# -- geometry ----------------------------------------------------------------------------------------------


def _rotate(image: RGBImage, rng: np.random.Generator, strength: float) -> RGBImage:
    height, width = image.shape[:2]
    angle = rng.uniform(-15.0, 15.0) * strength
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
    return _u8(
        cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    )


def _crop(image: RGBImage, rng: np.random.Generator, strength: float) -> RGBImage:
    height, width = image.shape[:2]
    share = math.sqrt(rng.uniform(1.0 - 0.3 * strength, 1.0))
    h, w = max(_SMALLEST, round(height * share)), max(_SMALLEST, round(width * share))
    top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    return _u8(cv2.resize(image[top : top + h, left : left + w], (width, height), interpolation=cv2.INTER_LINEAR))


def _perspective(image: RGBImage, rng: np.random.Generator, strength: float) -> RGBImage:
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], dtype=np.float32)
    shifts = rng.uniform(-0.08, 0.08, size=(4, 2)) * strength * (width, height)
    matrix = cv2.getPerspectiveTransform(corners, (corners + shifts).astype(np.float32))
    return _u8(
        cv2.warpPerspective(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    )


def _flip(image: RGBImage, _rng: np.random.Generator, _strength: float) -> RGBImage:
    return _u8(image[:, ::-1])


def _half_turn(image: RGBImage, _rng: np.random.Generator, _strength: float) -> RGBImage:
    return _u8(image[::-1, ::-1])


def _quarter_turn(image: RGBImage, rng: np.random.Generator, _strength: float) -> RGBImage:
    return _u8(np.rot90(image, 1 + 2 * int(rng.integers(2))))


def _occlude(image: RGBImage, rng: np.random.Generator, strength: float) -> RGBImage:
    """Cover a tenth to three tenths of the area with the image's mean colour (Zhong et al., 2020)."""
    height, width = image.shape[:2]
    share = rng.uniform(0.1, 0.1 + 0.2 * min(1.0, strength))
    ratio = math.exp(rng.uniform(-0.7, 0.7))
    h = min(height, max(1, round(height * math.sqrt(share * ratio))))
    w = min(width, max(1, round(width * share * height / h)))
    top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    covered = image.copy()
    covered[top : top + h, left : left + w] = np.rint(cv2.mean(image)[:3]).astype(np.uint8)
    return covered


def reduced(image: RGBImage) -> RGBImage:
    """Return an image whose longer side has at most `LONGEST_SIDE` pixels."""
    height, width = image.shape[:2]
    scale = LONGEST_SIDE / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return _u8(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


# -- light and colour --------------------------------------------------------------------------------------


def _brightness(image: RGBImage, rng: np.random.Generator, strength: float) -> RGBImage:
    return _lookup(image, np.arange(256) + rng.uniform(-40.0, 40.0) * strength)


def _contrast(image: RGBImage, rng: np.random.Generator, strength: float) -> RGBImage:
    centre = float(np.mean(cv2.mean(image)[:3]))
    return _lookup(image, centre + (np.arange(256) - centre) * math.exp(rng.uniform(-0.35, 0.35) * strength))


def _gamma(image: RGBImage, rng: np.random.Generator, strength: float) -> RGBImage:
    return _lookup(image, 255.0 * (np.arange(256) / 255.0) ** math.exp(rng.uniform(-0.35, 0.35) * strength))


def _colour(image: RGBImage, rng: np.random.Generator, strength: float) -> RGBImage:
    """Scale each channel (light of another colour), then the saturation."""
    gains = np.exp(rng.uniform(-0.08, 0.08, size=3) * strength)
    tinted = _lookup(image, np.arange(256)[:, None] * gains).astype(np.float32)
    grey = tinted.mean(axis=2, keepdims=True)
    return _clip(grey + (tinted - grey) * math.exp(rng.uniform(-0.25, 0.25) * strength))


def _clahe(image: RGBImage, rng: np.random.Generator, strength: float) -> RGBImage:
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    equaliser = cv2.createCLAHE(clipLimit=1.0 + rng.uniform(0.0, 2.0) * strength, tileGridSize=(4, 4))
    lab[..., 0] = equaliser.apply(np.ascontiguousarray(lab[..., 0]))
    return _u8(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


# -- camera and file ---------------------------------------------------------------------------------------


def _noise(image: RGBImage, rng: np.random.Generator, strength: float) -> RGBImage:
    sigma = rng.uniform(2.0, 2.0 + 10.0 * strength)
    return _clip(image + rng.standard_normal(image.shape, dtype=np.float32) * np.float32(sigma))


def _blur(image: RGBImage, rng: np.random.Generator, strength: float) -> RGBImage:
    """Gaussian blur with a kernel of 3 to 7 pixels (at full strength) where the short side has 256."""
    side = _scaled(image, 3 + 2 * int(rng.integers(1 + round(2 * min(1.0, strength)))))
    return _u8(cv2.GaussianBlur(image, (side, side), 0, borderType=cv2.BORDER_REFLECT_101))


def _motion_blur(image: RGBImage, rng: np.random.Generator, strength: float) -> RGBImage:
    """Average along a straight line of 3 to 9 pixels (at full strength) where the short side has 256."""
    length = _scaled(image, 3 + 2 * int(rng.integers(1 + round(3 * min(1.0, strength)))))
    angle = rng.uniform(0.0, math.pi)
    kernel = np.zeros((length, length), dtype=np.float32)
    half = (length - 1) / 2
    dx, dy = half * math.cos(angle), half * math.sin(angle)
    ends = [(round(half + sign * dx), round(half + sign * dy)) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return _u8(cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101))


def _jpeg(image: RGBImage, rng: np.random.Generator, strength: float) -> RGBImage:
    """Store and read as JPEG of a quality from 95 down to 50 (at full strength)."""
    quality = int(rng.integers(95 - round(45 * min(1.0, strength)), 96))
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return decode(stream.getvalue())


def _scaled(image: RGBImage, pixels: int) -> int:
    """Return an odd length that is to a large image what `pixels` is to one of 256 pixels."""
    scale = max(1.0, float(min(image.shape[:2])) / 256.0)
    return 2 * (round(pixels * scale) // 2) + 1


def _lookup(image: RGBImage, levels: NDArray[Any]) -> RGBImage:
    """Map grey levels by a table, float (256,) for all channels or (256, 3)."""
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return _u8(cv2.LUT(image, table if table.ndim == 1 else table[None]))


def _clip(values: NDArray[Any]) -> RGBImage:
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)


def _u8(values: Any) -> RGBImage:
    return np.ascontiguousarray(values, dtype=np.uint8)


# -- presets -----------------------------------------------------------------------------------------------

HORIZONTAL_FLIP = Transform("flip", _flip)
"""Mirror left and right, for objects without script and without a handed shape."""
SYMMETRIES = (
    HORIZONTAL_FLIP,
    Transform("half_turn", _half_turn, probability=0.25),
    Transform("quarter_turn", _quarter_turn, probability=0.25),
)
"""What leaves some objects what they are and makes other things of others."""
BACKGROUND = Transform("background", _background)
"""Another surface behind the object, for objects that lie on one colour and are to be recognised elsewhere."""

_FUNCTIONS: dict[str, _Function] = {
    "rotate": _rotate, "crop": _crop, "perspective": _perspective, "brightness": _brightness,
    "contrast": _contrast, "gamma": _gamma, "colour": _colour, "clahe": _clahe, "occlude": _occlude,
    "noise": _noise, "blur": _blur, "motion_blur": _motion_blur, "jpeg": _jpeg,
}  # fmt: skip
_ORDER = tuple(_FUNCTIONS)  # geometry, light, what hides it, the lens, the file: as a photograph comes about


def _preset(**choices: tuple[float, float]) -> tuple[Transform, ...]:
    """Build a preset from ``name=(strength, probability)``."""
    return tuple(Transform(name, _FUNCTIONS[name], *choices[name]) for name in sorted(choices, key=_ORDER.index))


PRESETS: dict[str, tuple[Transform, ...]] = {
    "minimal": _preset(rotate=(0.3, 0.5), brightness=(0.4, 0.5), contrast=(0.4, 0.5)),
    "light": _preset(
        rotate=(0.6, 0.5), crop=(0.5, 0.5), brightness=(0.6, 0.5), contrast=(0.6, 0.5), colour=(0.5, 0.3),
        noise=(0.4, 0.3), blur=(0.0, 0.15), jpeg=(0.6, 0.3),
    ),
    "medium": _preset(
        rotate=(0.9, 0.5), crop=(0.8, 0.5), perspective=(0.6, 0.3), brightness=(0.8, 0.5), contrast=(0.8, 0.5),
        gamma=(0.7, 0.3), colour=(0.8, 0.4), noise=(0.7, 0.3), blur=(0.5, 0.2), jpeg=(0.8, 0.4),
    ),
    "heavy": _preset(
        rotate=(1.2, 0.6), crop=(1.0, 0.6), perspective=(1.0, 0.4), brightness=(1.0, 0.5), contrast=(1.0, 0.5),
        gamma=(1.0, 0.4), colour=(1.0, 0.5), clahe=(0.7, 0.2), occlude=(0.3, 0.25), noise=(1.0, 0.4),
        blur=(0.5, 0.25), motion_blur=(0.5, 0.2), jpeg=(1.0, 0.5),
    ),
    "robust": _preset(
        rotate=(0.6, 0.3), perspective=(1.0, 0.4), brightness=(0.6, 0.3), occlude=(1.0, 0.4), noise=(1.0, 0.4),
        blur=(1.0, 0.4), motion_blur=(1.0, 0.4), jpeg=(1.0, 0.6),
    ),
}  # fmt: skip
"""Name -> transforms, from hardly visible to a bad camera; ``robust`` is what files and hands do to photographs."""
