"""The loaded model: bytes of an image in, an answer out, a few at once and never in the event loop."""

from __future__ import annotations

import base64
import binascii
import os
import time
from collections.abc import Callable

import anyio
from anyio import to_thread

from ai_models.core.images import decode, refuse_larger
from ai_models.core.paths import to_text
from ai_models.core.predictions import OodVerdict, Prediction, Reason
from ai_models.predictor import Predictor as WarmPredictor
from ai_models.serving.problems import Problem, too_large
from ai_models.serving.schemas import PredictResponse
from ai_models.serving.settings import ServiceSettings

__all__ = ["Predictor", "from_base64", "respond"]


class Predictor:
    """A classifier that answers requests.

    Parameters
    ----------
    warm
        The loaded model.
    settings
        Limits.
    """

    def __init__(self, warm: WarmPredictor, settings: ServiceSettings) -> None:
        self._warm = warm
        self._settings = settings
        self._turns = anyio.CapacityLimiter(settings.threads)
        self.version = warm.version
        self.classes = tuple(to_text(name) for name in warm.classes)

    @classmethod
    def load(cls, directory: str | os.PathLike[str], settings: ServiceSettings) -> Predictor:
        """Load a model directory, checked before it is unpickled.

        Raises
        ------
        BundleError
            When it is incomplete, altered or of other versions.
        """
        return cls(WarmPredictor.load(directory), settings)

    async def predict(self, image: Callable[[], bytes]) -> Prediction:
        """Judge one image in a thread, after those that came before.

        Parameters
        ----------
        image
            Gives the bytes of the image file; called in the thread.

        Raises
        ------
        ImageError
            When it cannot be decoded, or has too many pixels.
        Problem
            When it has too many bytes.
        """
        return await to_thread.run_sync(self._predict, image, limiter=self._turns)

    def _predict(self, image: Callable[[], bytes]) -> Prediction:
        data = image()
        if len(data) > self._settings.max_bytes:
            raise too_large(self._settings.max_bytes)
        limit = self._settings.max_pixels
        if len(self._warm.image_sizes) == 1:
            return self._warm.predict(decode(data, size=self._warm.image_sizes[0], max_pixels=limit))
        refuse_larger(data, limit)  # blocks of several sizes: each is reduced from the file itself
        said = self._warm.predict(data)
        if said.verdict is OodVerdict.UNREADABLE:
            decode(data, max_pixels=limit)  # says why, typed
        return said


def from_base64(text: str, field: str = "image_data") -> bytes:
    """Decode base64 strictly; a ``data:image/...;base64,`` prefix is taken off.

    Parameters
    ----------
    text
        Of the request.
    field
        Where it stood, for the problem.

    Raises
    ------
    Problem
        When a character, the padding or the prefix is not as RFC 4648 and RFC 2397 have them.
    """
    if text[:5].lower() == "data:":
        head, comma, text = text.partition(",")
        if not comma or not head.lower().endswith(";base64"):
            raise _not_base64("a data: prefix must end in ';base64,'", field)
    try:
        encoded = text.encode("ascii")
        data = base64.b64decode(encoded, validate=True)
    except UnicodeEncodeError:
        raise _not_base64("it holds other characters than A-Z, a-z, 0-9, + and /", field) from None
    except binascii.Error as error:
        raise _not_base64(str(error).lower(), field) from None
    if base64.b64encode(data) != encoded:  # the standard library passes over superfluous padding
        raise _not_base64("incorrect padding", field)
    return data


def _not_base64(why: str, field: str) -> Problem:
    detail = f"{field} must be base64 without line breaks ({why}): encode the image file with base64"
    return Problem(422, "not-base64", detail, errors=[{"field": field, "message": why}])


def respond(
    prediction: Prediction, *, threshold: float, with_probabilities: bool, version: str, started: float
) -> PredictResponse:
    """Return the answer for a readable image.

    Parameters
    ----------
    prediction
        What the model says.
    threshold
        Confidence in [0, 1] below which the verdict is at least ``unsure``.
    with_probabilities
        Whether to list every class.
    version
        Of the model.
    started
        `time.perf_counter` when the request was there.
    """
    verdict, reason, detail = prediction.verdict, prediction.reason, prediction.detail
    if verdict is OodVerdict.IN_DOMAIN and prediction.confidence < threshold:
        verdict, reason, detail = OodVerdict.UNSURE, Reason.AMBIGUOUS, f"confidence below {threshold:g}"
    probabilities = {to_text(name): p for name, p in prediction.probabilities.items()}
    return PredictResponse.model_validate(
        {
            "predicted_class": to_text(prediction.predicted_class),
            "confidence": prediction.confidence,
            "probabilities": probabilities if with_probabilities else None,
            "processing_time_ms": round(1000 * (time.perf_counter() - started), 3),
            "model_version": version,
            "verdict": str(verdict),
            "ood_p_value": prediction.ood_p_value,
            "prediction_set": [to_text(name) for name in prediction.prediction_set],
            "prediction_set_by_class": [to_text(name) for name in prediction.prediction_set_by_class],
            "reason": str(reason),
            "detail": detail,
        }
    )
