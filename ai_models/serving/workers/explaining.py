"""Explanations in a worker: bytes of an image in, plain values and a picture out."""

from __future__ import annotations

import json

from ai_models.core.errors import AmuletError, ImageError
from ai_models.core.logs import get_logger
from ai_models.predictor import Predictor
from ai_models.serving.explanation import Explanations
from ai_models.serving.workers.answers import Fault, Judged, to_json

__all__ = ["Explaining"]

_log = get_logger(__name__)


class Explaining:
    """Explains what a model says of images that strangers sent.

    Parameters
    ----------
    predictor
        The loaded model.
    max_pixels
        Most pixels of an image, judged by its header.
    model_dir
        Where it was loaded from.
    """

    def __init__(self, predictor: Predictor, max_pixels: int, model_dir: str) -> None:
        self._predictor = predictor
        self._max_pixels = max_pixels
        self._model_dir = model_dir
        self._explanations: Explanations | None = None
        self._unavailable = ""

    def prepare(self) -> None:
        """Load what explanations are held against; a model directory without it can be used all the same."""
        try:
            self._explanations = Explanations.load(self._model_dir, self._predictor.model, self._max_pixels)
        except AmuletError as error:
            self._unavailable = str(error)
            _log.warning("explanations are not to be had: %s", error)

    def answer(self, data: bytes) -> list[bytes]:
        """Return ``{"content": ...}`` and the picture; or why the image cannot be read, and nothing."""
        if self._explanations is None:
            return [json.dumps({"content": {"unavailable": self._unavailable}}).encode("ascii"), b""]
        try:
            content, picture = self._explanations.explain(data)
        except ImageError as error:
            return _none(error)
        except Exception as error:
            _log.error("an image could not be explained", exc_info=error)
            return _none(Fault(type(error).__name__))
        return [json.dumps({"content": content}).encode("ascii"), picture]


def _none(why: Judged) -> list[bytes]:
    return [json.dumps(json.loads(to_json([why]))[0]).encode("ascii"), b""]
