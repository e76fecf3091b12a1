"""The model as the workers hold it: loaded, checked, warm; it judges and explains."""

from __future__ import annotations

from typing import Any, Self

from ai_models.core.paths import to_text
from ai_models.predictor import Predictor
from ai_models.serving.workers.answers import to_json
from ai_models.serving.workers.judge import Judge
from ai_models.serving.workers.wire import Message

__all__ = ["Model"]


class Model:
    """What a worker does; see `ai_models.serving.workers.work.Program`.

    Parameters
    ----------
    predictor
        The loaded model.
    max_pixels
        Most pixels of an image.
    """

    def __init__(self, predictor: Predictor, max_pixels: int) -> None:
        self.predictor = predictor
        self.judge = Judge(predictor, max_pixels)

    @classmethod
    def load(cls, *, model_dir: str, max_pixels: int) -> Self:
        """Load a model directory, checked before it is unpickled.

        Raises
        ------
        BundleError
            When it is incomplete, altered or of other versions, or does not say what it said in training.
        """
        predictor = Predictor.load(model_dir)
        predictor.check(model_dir)
        return cls(predictor, max_pixels)

    def about(self) -> dict[str, Any]:
        """Return version and classes."""
        return {"version": self.predictor.version, "classes": [to_text(name) for name in self.predictor.classes]}

    def prepare(self, role: bytes) -> None:
        """Touch the memory that an answer writes to: it is shared until then."""
        self.predictor.warm()

    def answer(self, message: Message) -> list[bytes]:
        """Return what is said of the images of a message."""
        return [to_json(self.judge.judge(message.parts))]
