"""Golden inputs: drawn pictures and what the model says of them where it was trained, kept beside it.

Whoever loads the model elsewhere predicts the same pictures and sees at once whether this machine gives the same
answers. They are drawn, so nothing of the user's photographs is in them, and they are kept as pixels, so it does not
matter whether another machine would draw them to the last bit. The answers are those of ONNX Runtime on the CPU, which
every installation has, whatever the model was trained with.
"""

from __future__ import annotations

import copy
import io
import os
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ai_models.artifacts.bundle import read_bundle, read_file
from ai_models.classifier import HybridClassifier
from ai_models.core.errors import BundleError
from ai_models.core.predictions import Predictions
from ai_models.core.rng import generator
from ai_models.core.settings import FeatureConfig

__all__ = ["GOLDEN_FILE", "TOLERANCE", "Golden", "as_loaded_elsewhere", "golden_images", "read_golden"]

GOLDEN_FILE = "golden.npz"
TOLERANCE = 1e-3
"""How far a probability may be from the one that was kept, where the network is run in fp32."""
_PARTS = ("features", "images", "probabilities", "verdicts")


@dataclass(frozen=True, eq=False)
class Golden:
    """Pictures and answers.

    Attributes
    ----------
    images
        uint8 (n, side, side, 3), RGB: drawn patterns.
    features
        float32 (n, d), as the model's extractor encodes them: of the whole picture where the model looks twice.
    probabilities
        float64 (n, k), the model's own.
    verdicts
        n verdicts, such as ``"ood"``.
    """

    images: NDArray[np.uint8]
    features: NDArray[np.float32]
    probabilities: NDArray[np.float64]
    verdicts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def of(cls, model: HybridClassifier) -> Self:
        """Draw the pictures and ask the model."""
        here = as_loaded_elsewhere(model)
        images = golden_images((here.extractor.config or FeatureConfig()).image_sizes[0])
        raw = here.extractor.extract_raw(list(images), label="")
        said = here.judge_raw(raw)
        return cls(images, here.looks(raw)[0], said.probabilities, tuple(str(v) for v in said.verdicts))

    def to_bytes(self) -> bytes:
        """Return the content of `GOLDEN_FILE`, equal bytes for equal pictures and answers."""
        stream = io.BytesIO()
        verdicts = np.array(self.verdicts, dtype=np.str_)
        np.savez_compressed(
            stream, features=self.features, images=self.images, probabilities=self.probabilities, verdicts=verdicts
        )
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote.

        Raises
        ------
        ValueError
            When it is anything else.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as kept:
                features, images, probabilities, verdicts = (kept[name] for name in _PARTS)
        except Exception as error:  # of damage zipfile, zlib and NumPy's header reader raise what each meets
            raise ValueError(f"not golden inputs: {error}") from error
        n = len(images)
        shapes = (images.ndim, features.ndim, probabilities.ndim, verdicts.ndim) == (4, 2, 2, 1)
        lengths = {len(features), len(probabilities), len(verdicts)} == {n}
        dtypes = (images.dtype, features.dtype, probabilities.dtype) == (np.uint8, np.float32, np.float64)
        if not (n and shapes and lengths and dtypes and verdicts.dtype.kind == "U"):
            raise ValueError("not golden inputs: an array has another shape or dtype")
        return cls(images, features, probabilities, tuple(verdicts.tolist()))

    def fault(self, said: Predictions, tolerance: float = TOLERANCE) -> str:
        """Return in what answers to the pictures differ from those that were kept, a clause; empty where they agree.

        Parameters
        ----------
        said
            What the model says of `images` here.
        tolerance
            How far a probability may be off.
        """
        if said.probabilities.shape != self.probabilities.shape:
            return f"expected {self.probabilities.shape} probabilities, got {said.probabilities.shape}"
        off = float(np.abs(said.probabilities - self.probabilities).max())
        if not off <= tolerance:  # NaN is no answer
            return f"a probability is off by {off:.2g}, expected at most {tolerance:g}"
        verdicts = [str(v) for v in said.verdicts]
        for i, (kept, got) in enumerate(zip(self.verdicts, verdicts, strict=True)):
            if kept != got:
                return f"picture {i} has the verdict '{got}', expected '{kept}'"
        return ""


def read_golden(directory: str | os.PathLike[str]) -> Golden | None:
    """Return the golden inputs of a model directory; None where it was written before they were kept.

    Raises
    ------
    BundleError
        When the file is missing, altered or not what it should be.
    """
    if GOLDEN_FILE not in read_bundle(directory)["files"]:
        return None
    try:
        return Golden.from_bytes(read_file(directory, GOLDEN_FILE))
    except ValueError as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"'{GOLDEN_FILE}' of '{directory}' is damaged ({error}): train again") from error


def golden_images(side: int) -> NDArray[np.uint8]:
    """Draw a medal, a weave, sherds and a dusk, uint8 (4, side, side, 3), RGB, in few shades so that they pack well."""
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    medal = np.where(radius < 0.4, 0.55 + 0.25 * np.cos(60 * radius) * np.cos(8 * angle), 0.15 + 0.1 * (y + 0.5))
    weave = 0.5 + 0.22 * np.sin(50 * x + 12 * y) + 0.22 * np.sin(50 * y - 12 * x)
    rng = generator(0, "golden inputs")
    seeds, tones = rng.uniform(-0.5, 0.5, (24, 2)), rng.uniform(0.15, 0.9, 24)
    sherds = tones[np.argmin([(x - a) ** 2 + (y - b) ** 2 for a, b in seeds], axis=0)]
    dusk = 0.75 - 0.5 * (y + 0.5) + 0.15 * np.exp(-40 * ((x - 0.1) ** 2 + (y + 0.1) ** 2))
    tints = np.array([(1.0, 0.85, 0.55), (0.7, 0.8, 1.0), (0.9, 0.65, 0.5), (1.0, 0.7, 0.8)])
    shades = np.stack([medal, weave, sherds, dusk])[..., None] * tints[:, None, None]
    return np.asarray(np.clip(shades * 256, 0, 255).astype(np.uint8) & 0xF8)


def as_loaded_elsewhere(model: HybridClassifier) -> HybridClassifier:
    """Return the model with its network run by ONNX Runtime on the CPU, nothing cached; the model is not changed."""
    extractor = copy.copy(model.extractor)
    config = extractor.config or FeatureConfig()
    extractor.config = config.replace(device="cpu", cnn_backend="onnxruntime", cache_features=False)
    extractor.workers = 1
    there = copy.copy(model)
    there.extractor = extractor
    return there
