"""Why the model says what it says of an image that a stranger sent: a heat map over it, and what it looks like."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image

from ai_models.artifacts.pictures import read_pictures
from ai_models.classifier import HybridClassifier
from ai_models.core.images import RGBImage, decode
from ai_models.core.paths import to_text
from ai_models.core.settings import ExplainConfig
from ai_models.evidence import load_evidence
from ai_models.explaining import Explainer, Explanation, HeatMap, overlay

__all__ = ["Explanations"]

_SIDE = 480  # of the picture
_NEIGHBOURS = 5


class Explanations:
    """Explains what a model says of images.

    Parameters
    ----------
    explainer
        Of the model.
    max_pixels
        Most pixels of an image, judged by its header.
    pictures
        Manifest path -> WebP file of a training photograph; nothing where the model keeps none.
    """

    def __init__(self, explainer: Explainer, max_pixels: int, pictures: Mapping[str, bytes]) -> None:
        self._explainer = explainer
        self._max_pixels = max_pixels
        self._pictures = pictures

    @classmethod
    def load(cls, directory: str | os.PathLike[str], model: HybridClassifier, max_pixels: int) -> Self:
        """Load what training left beside a model, and fit the head that stands in for it.

        Raises
        ------
        AmuletError
            When it is not there, or altered.
        """
        evidence = load_evidence(Path(directory), model)
        config = ExplainConfig(neighbours=_NEIGHBOURS, score=False, workers=1)
        explainer = Explainer(model, evidence, config)
        _ = explainer.surrogate
        return cls(explainer, max_pixels, read_pictures(directory))

    def explain(self, data: bytes) -> tuple[dict[str, Any], bytes]:
        """Return what is told of one image as plain values, and the heat map over it as a PNG.

        Parameters
        ----------
        data
            An image file.

        Returns
        -------
        content, picture
            See `ai_models.serving.schemas.Explained`; the picture is empty where there is no heat map.

        Raises
        ------
        ImageError
            When it cannot be decoded, or has too many pixels.
        """
        image = decode(data, size=_SIDE, max_pixels=self._max_pixels)
        found = self._explainer.explain(data)
        heat = found.heat_map
        return self._content(found), b"" if heat is None else _png(overlay(_within(image), heat.maps))

    def _content(self, found: Explanation) -> dict[str, Any]:
        near = found.nearest
        return {
            "predicted_class": to_text(found.prediction.predicted_class),
            "against": to_text(found.against),
            "heat_map": None if found.heat_map is None else _trust(found.heat_map),
            "no_map": found.no_map,
            "nearest": [
                {
                    "label": to_text(n.record.label),
                    "distance": n.distance,
                    "picture": _address(self._pictures.get(n.record.path, b"")),
                }
                for n in near.neighbours
            ],
            "farther": near.farther,
            "objects": near.objects,
        }


def _address(picture: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(picture).decode('ascii')}" if picture else ""


def _trust(heat: HeatMap) -> dict[str, Any]:
    fidelity = heat.fidelity
    return {
        "trusted": fidelity.trusted,
        "agreement": fidelity.agreement.estimate,
        "agreement_low": fidelity.agreement.low,
        "agreement_high": fidelity.agreement.high,
        "photographs": fidelity.photographs,
        "objects": fidelity.objects,
    }


def _within(image: RGBImage) -> RGBImage:
    """Return an image no larger than `_SIDE`, its proportions kept."""
    picture = Image.fromarray(image)
    picture.thumbnail((_SIDE, _SIDE))
    return np.asarray(picture, dtype=np.uint8)


def _png(image: RGBImage) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()
