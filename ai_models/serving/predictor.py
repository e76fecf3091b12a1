"""What routes ask: bytes of an image in, an answer out or the problem that there is none."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable

from ai_models.core.errors import ImageError
from ai_models.core.paths import to_text
from ai_models.core.predictions import OodVerdict, Prediction, Reason
from ai_models.serving.problems import Problem, too_large
from ai_models.serving.refusals import busy, lost, stopping, time_limit
from ai_models.serving.schemas import PredictResponse
from ai_models.serving.workers.answers import Judged
from ai_models.serving.workers.errors import BusyError, NoAnswerError, TimeLimitError, WorkerLostError
from ai_models.serving.workers.workforce import Explained, Workforce

__all__ = ["Predictor", "from_base64", "respond"]


class Predictor:
    """What routes ask; the answers come from worker processes, and nothing here waits for one.

    Parameters
    ----------
    workforce
        The workers.
    max_bytes
        Of an image.
    """

    def __init__(self, workforce: Workforce, max_bytes: int) -> None:
        self._workforce = workforce
        self._max_bytes = max_bytes

    @property
    def version(self) -> str:
        """Of the model that new workers hold; an answer carries that of its own."""
        return str(self._workforce.about.get("version", ""))

    @property
    def classes(self) -> tuple[str, ...]:
        """What the model knows, as text."""
        return tuple(self._workforce.about.get("classes", ()))

    async def predict(self, image: Callable[[], bytes] | bytes) -> Prediction:
        """Return what the model says of one image; see `judge`."""
        return (await self.judge(image))[0]

    async def judge(self, image: Callable[[], bytes] | bytes) -> tuple[Prediction, str]:
        """Let a worker judge one image, after those that came before.

        Parameters
        ----------
        image
            The bytes of an image file, or what gives them.

        Returns
        -------
        tuple
            What the model says, and the version of the model that said it.

        Raises
        ------
        ImageError
            When it cannot be decoded, or has too many pixels.
        Problem
            When it has too many bytes, or there is no answer: 503 or 504.
        """
        try:
            said = await self._workforce.judge(self._bytes(image))
        except NoAnswerError as error:
            raise _problem(error) from None
        return _prediction(said.result), said.version

    async def explain(self, image: Callable[[], bytes] | bytes) -> Explained:
        """Let a worker explain what the model says of one image.

        Raises
        ------
        ImageError, Problem
            As for `judge`; the problem is 501 where the model cannot be explained.
        """
        try:
            said = await self._workforce.explain(self._bytes(image))
        except NoAnswerError as error:
            raise _problem(error) from None
        if isinstance(said, Explained):
            if why := said.content.get("unavailable"):
                raise Problem(501, "no-explanation", f"the model cannot be explained: {why}")
            return said
        _prediction(said)
        raise AssertionError("an explanation is neither a prediction")

    def _bytes(self, image: Callable[[], bytes] | bytes) -> bytes:
        data = image if isinstance(image, bytes) else image()
        if len(data) > self._max_bytes:
            raise too_large(self._max_bytes)
        return data


def _prediction(result: Judged) -> Prediction:
    if isinstance(result, Prediction):
        return result
    if isinstance(result, ImageError):
        raise result
    raise RuntimeError(f"a worker met {result.kind}, which its log describes")


def _problem(error: NoAnswerError) -> Problem:
    """Return how a question without an answer is told."""
    if isinstance(error, BusyError):
        return busy(error.seconds)
    if isinstance(error, TimeLimitError):
        return time_limit()
    return lost() if isinstance(error, WorkerLostError) else stopping()


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
