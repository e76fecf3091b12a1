"""The model as the workers hold it: loaded, checked, warm; it judges and explains."""

from __future__ import annotations

import os
from typing import Any, Self

from ai_models.artifacts import Trust
from ai_models.core.paths import to_text
from ai_models.predictor import Predictor
from ai_models.serving.workers.answers import to_json
from ai_models.serving.workers.explaining import Explaining
from ai_models.serving.workers.judge import Judge
from ai_models.serving.workers.wire import EXPLAIN, Message

__all__ = ["Model"]


class Model:
    """What a worker does; see `ai_models.serving.workers.work.Program`.

    Parameters
    ----------
    predictor
        The loaded model.
    max_pixels
        Most pixels of an image.
    model_dir
        Where it was loaded from, with what explanations are held against.
    """

    def __init__(self, predictor: Predictor, max_pixels: int, model_dir: str) -> None:
        self.predictor = predictor
        self.judge = Judge(predictor, max_pixels)
        self.explaining = Explaining(predictor, max_pixels, model_dir)

    @classmethod
    def load(cls, *, model_dir: str, max_pixels: int, trust: tuple[str, int, bool] = ("", 0, False)) -> Self:
        """Load a model directory, checked before it is unpickled.

        Parameters
        ----------
        model_dir
            The model directory.
        max_pixels
            Most pixels of an image.
        trust
            `trusted_key`, `minimum_version` and `allow_unsigned` of the settings.

        Raises
        ------
        BundleError
            When it is incomplete, altered or of other versions, or does not say what it said in training.
        """
        keys, minimum, unsigned = trust
        vouching = Trust.from_environment(
            trusted_keys=[key for key in keys.split(os.pathsep) if key],
            minimum_version=minimum,
            allow_unsigned=unsigned,
        )
        predictor = Predictor.load(model_dir, trust=vouching)
        predictor.check(model_dir)
        return cls(predictor, max_pixels, model_dir)

    def about(self) -> dict[str, Any]:
        """Return version and classes, and who vouches for the model."""
        standing = self.predictor.standing
        return {
            "version": self.predictor.version,
            "classes": [to_text(name) for name in self.predictor.classes],
            "standing": standing.kind if standing is not None else "",
        }

    def prepare(self, role: bytes) -> None:
        """Touch the memory that an answer writes to: it is shared until then."""
        self.predictor.warm()
        if role == EXPLAIN:
            self.explaining.prepare()

    def answer(self, message: Message) -> list[bytes]:
        """Return what is said of the images of a message, or the explanation of one and its picture."""
        if message.kind == EXPLAIN:
            return self.explaining.answer(message.parts[0])
        return [to_json(self.judge.judge(message.parts))]
