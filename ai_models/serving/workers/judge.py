"""The model in a worker: bytes of images in, predictions out, each image on its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ai_models.core.errors import ImageError
from ai_models.core.images import decode, refuse_larger
from ai_models.core.logs import get_logger
from ai_models.core.predictions import OodVerdict
from ai_models.predictor import Predictor
from ai_models.serving.workers.answers import Fault, Judged

__all__ = ["Judge"]

_log = get_logger(__name__)


class Judge:
    """Judges images that strangers sent.

    Parameters
    ----------
    predictor
        The loaded model.
    max_pixels
        Most pixels of an image, judged by its header.
    """

    def __init__(self, predictor: Predictor, max_pixels: int) -> None:
        self.predictor = predictor
        self.max_pixels = max_pixels

    def judge(self, images: Sequence[bytes]) -> list[Judged]:
        """Return what becomes of each image; those that can be read go through the model together."""
        found: list[Judged | None] = [None] * len(images)
        read: dict[int, Any] = {}
        for i, data in enumerate(images):
            try:
                read[i] = self._read(data)
            except ImageError as error:
                found[i] = error
            except Exception as error:  # the worker answers on; the fault is told to the service and to the log
                found[i] = _fault(error)
        for i, result in zip(read, self._predicted(list(read.values())), strict=True):
            found[i] = self._explained(result, images[i])
        return [result for result in found if result is not None]

    def _read(self, data: bytes) -> Any:
        """Return what the model is given: pixels where all its blocks see one size, else the file itself."""
        sizes = self.predictor.image_sizes
        if len(sizes) == 1:
            return decode(data, size=sizes[0], max_pixels=self.max_pixels)
        refuse_larger(data, self.max_pixels)
        return data

    def _predicted(self, items: list[Any]) -> list[Judged]:
        if not items:
            return []
        try:
            return list(self.predictor.predict_many(items))
        except Exception as error:
            if len(items) == 1:
                return [_fault(error)]
            _log.warning(
                "%d images could not be judged together (%s): each is tried alone", len(items), type(error).__name__
            )
        return [self._predicted([item])[0] for item in items]  # the fault of one is not that of the others

    def _explained(self, result: Judged, data: bytes) -> Judged:
        """Say, typed, why a file that only the model itself decoded could not be read."""
        if getattr(result, "verdict", None) is not OodVerdict.UNREADABLE or isinstance(result, ImageError):
            return result
        try:
            decode(data, max_pixels=self.max_pixels)
        except ImageError as error:
            return error
        except Exception as error:
            return _fault(error)
        return result


def _fault(error: Exception) -> Fault:
    _log.error("an image could not be judged", exc_info=error)
    return Fault(type(error).__name__)
